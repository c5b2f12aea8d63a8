"""One server for the tests of a file."""

from collections.abc import Iterator

import pytest

from tests.web.serving import Served, serve


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serve(tmp_path_factory.mktemp("home"), max_upload_mb=1) as served:
        yield served
