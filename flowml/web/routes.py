"""Every address of the API, on one screen. The OpenAPI document is made from this table."""

from collections.abc import Sequence

from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute

from flowml.domain.access.caller import Permission
from flowml.domain.channel import JobBrief
from flowml.services.downloads import MEDIA_TYPES
from flowml.services.serving.exports import MEDIA_TYPES as MODEL_MEDIA_TYPES
from flowml.web.api import (
    cluster,
    datasets,
    docs,
    explain,
    exports,
    figures,
    inference,
    insight,
    invocations,
    keys,
    logs,
    model_document,
    recipes,
    results,
    scoring,
    system,
    training,
    workers,
)
from flowml.web.api.assistant import chat, code, exchange, explaining, ideas, sharing, suggesting
from flowml.web.api.assistant import models as language_models
from flowml.web.api.table_bodies import TABLES
from flowml.web.caller import Guarded
from flowml.web.endpoint import Endpoint, Resource
from flowml.web.live import live
from flowml.web.pages import login
from flowml.web.report.report import report
from flowml.web.schemas import code as cd
from flowml.web.schemas import conversations as c
from flowml.web.schemas import datasets as d
from flowml.web.schemas import exchange as ex
from flowml.web.schemas import explain as x
from flowml.web.schemas import explaining as xp
from flowml.web.schemas import exports as e
from flowml.web.schemas import ideas as n
from flowml.web.schemas import insight as i
from flowml.web.schemas import keys as k
from flowml.web.schemas import language_models as lm
from flowml.web.schemas import logs as lg
from flowml.web.schemas import protocols as p
from flowml.web.schemas import quality as q
from flowml.web.schemas import recipes as o
from flowml.web.schemas import results as r
from flowml.web.schemas import scoring as sc
from flowml.web.schemas import sharing as sh
from flowml.web.schemas import suggesting as su
from flowml.web.schemas import system as s
from flowml.web.schemas import training as t
from flowml.web.schemas import workers as w
from flowml.web.schemas.base import PageQuery, Rename
from flowml.web.static import PREFIX, StaticFiles

ADMIN, OPEN, READ, WRITE = Permission.ADMIN, Permission.OPEN, Permission.READ, Permission.WRITE
PREDICT, WORK = Permission.PREDICT, Permission.WORK

# fmt: off
ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint("POST", "/api/datasets/upload", datasets.upload, d.Dataset, 201,
             form=d.UploadForm, need=WRITE, waits=True),
    Endpoint("GET", "/api/datasets", datasets.index, d.DatasetList, query=PageQuery, need=READ),
    Endpoint("GET", "/api/datasets/operations", recipes.operations, o.OperationTypeList, need=READ),
    Endpoint("GET", "/api/datasets/{dataset_id}", datasets.show, d.Dataset, need=READ),
    Endpoint("PATCH", "/api/datasets/{dataset_id}", datasets.rename, d.Dataset, body=Rename, need=WRITE),
    Endpoint("DELETE", "/api/datasets/{dataset_id}", datasets.delete, status=204, need=WRITE),
    Endpoint("GET", "/api/datasets/{dataset_id}/options", datasets.reading_options, d.ReadingOptions, need=READ),
    Endpoint("POST", "/api/datasets/{dataset_id}/read-again",
             datasets.read_again, d.Dataset, 201, body=d.ReadAgain, need=WRITE, waits=True),
    Endpoint("POST", "/api/datasets/{dataset_id}/transform",
             recipes.transform, o.TransformPreview | d.Dataset, body=o.Transform, need=WRITE, waits=True),
    Endpoint("POST", "/api/datasets/{dataset_id}/code",
             code.run, cd.CodePreview | d.Dataset, body=cd.RunCode, need=WRITE, waits=True),
    Endpoint("GET", "/api/datasets/{dataset_id}/lineage", recipes.lineage, o.Lineage, need=READ),
    Endpoint("GET", "/api/datasets/{dataset_id}/preview",
             datasets.preview, d.Preview, query=d.PreviewQuery, need=READ, waits=True),
    Endpoint("GET", "/api/datasets/{dataset_id}/download",
             datasets.download, tuple(MEDIA_TYPES.values()), query=d.DownloadQuery, need=READ, waits=True),
    Endpoint("GET", "/api/datasets/{dataset_id}/stats", figures.stats, d.Stats, need=READ),
    Endpoint("GET", "/api/datasets/{dataset_id}/correlation",
             figures.correlation, d.Correlation, query=d.CorrelationQuery, need=READ, waits=True),
    Endpoint("GET", "/api/datasets/{dataset_id}/distribution/{column:path}",
             figures.distribution, d.Distribution, query=d.DistributionQuery, need=READ, waits=True),
    Endpoint("GET", "/api/datasets/{dataset_id}/texts/{column:path}", figures.texts, d.Texts, need=READ, waits=True),
    Endpoint("GET", "/api/datasets/{dataset_id}/relations",
             figures.relations, q.Relations, query=q.RelationQuery, need=READ, waits=True),
    Endpoint("GET", "/api/datasets/{dataset_id}/relation/{column:path}",
             figures.relation, q.Relation, query=q.RelationQuery, need=READ, waits=True),
    Endpoint("GET", "/api/datasets/{dataset_id}/quality",
             figures.quality, q.Quality, query=q.QualityQuery, need=READ, waits=True),

    Endpoint("POST", "/api/training/start", training.start, t.Job, 202, body=t.StartTraining, need=WRITE, waits=True),
    Endpoint("GET", "/api/training", training.index, t.JobList, query=PageQuery, need=READ),
    Endpoint("GET", "/api/training/algorithms",
             training.algorithms, t.AlgorithmList, query=t.AlgorithmsQuery, need=READ),
    Endpoint("GET", "/api/training/{job_id}", training.show, t.Job, need=READ),
    Endpoint("PATCH", "/api/training/{job_id}", training.rename, t.Job, body=Rename, need=WRITE),
    Endpoint("DELETE", "/api/training/{job_id}", training.delete, status=204, need=WRITE),
    Endpoint("POST", "/api/training/{job_id}/cancel", training.cancel, t.Job, 202, need=WRITE),
    Endpoint("POST", "/api/training/{job_id}/extend", training.extend, t.Job, 202, body=t.ExtendTraining, need=WRITE),
    Endpoint("GET", "/api/training/{job_id}/trials", training.trials, t.TrialList, query=PageQuery, need=READ),
    Endpoint("GET", "/api/training/{job_id}/attempts", training.attempts, t.AttemptList, query=PageQuery, need=READ),

    Endpoint("GET", "/api/results/job/{job_id}", results.of_job, r.ModelList, query=PageQuery, need=READ),
    Endpoint("GET", "/api/results/job/{job_id}/leaderboard", results.leaderboard, r.Leaderboard, need=READ),
    Endpoint("GET", "/api/results/model/{model_id}", results.show, r.ModelDetail, need=READ),
    Endpoint("GET", "/api/results/model/{model_id}/openapi.json",
             model_document.openapi, "application/json", need=PREDICT),
    Endpoint("GET", "/api/results/model/{model_id}/download",
             exports.download, MODEL_MEDIA_TYPES, query=e.DownloadQuery, need=READ, waits=True),
    Endpoint("GET", "/api/results/model/{model_id}/card", exports.card, "text/markdown", need=READ),
    Endpoint("GET", "/api/results/model/{model_id}/code", exports.code, "text/plain", query=e.CodeQuery, need=READ),
    Endpoint("GET", "/api/results/model/{model_id}/confusion-matrix",
             results.confusion_matrix, r.ConfusionMatrix, need=READ),
    Endpoint("GET", "/api/results/model/{model_id}/curves",
             insight.curves, i.ClassCurves | i.NumberCurves, query=i.CurvesQuery, need=READ, waits=True),
    Endpoint("GET", "/api/results/model/{model_id}/slices", insight.slices, i.Slices, need=READ, waits=True),
    Endpoint("GET", "/api/results/model/{model_id}/mistakes",
             insight.mistakes, i.Mistakes, query=i.MistakesQuery, need=READ, waits=True),
    Endpoint("POST", "/api/results/compare", insight.compare, i.Comparison, body=i.Compare, need=READ, waits=True),
    Endpoint("GET", "/api/results/job/{job_id}/parameter-importance",
             insight.parameter_importance, i.SearchImportance, need=READ, waits=True),
    Endpoint("GET", "/api/results/job/{job_id}/explanation",
             explaining.of_job, xp.OwnExplanation, need=READ, waits=True),
    Endpoint("GET", "/api/results/model/{model_id}/explanation",
             explaining.of_model, xp.OwnExplanation, need=READ, waits=True),
    Endpoint("GET", "/api/results/job/{job_id}/report", report, "text/html", need=READ, waits=True),
    Endpoint("GET", "/api/results/model/{model_id}/feature-importance",
             results.feature_importance, r.Importance, query=r.ImportanceQuery, need=READ, waits=True),
    Endpoint("GET", "/api/results/model/{model_id}/partial-dependence",
             explain.partial_dependence, x.Dependence, query=x.DependenceQuery, need=READ, waits=True),
    Endpoint("POST", "/api/results/model/{model_id}/explain",
             explain.explain, x.Explanation, body=x.Explain, need=PREDICT),
    Endpoint("POST", "/api/results/model/{model_id}/counterfactual",
             explain.smallest_change, x.SmallestChange, body=x.FindChange, need=PREDICT),
    Endpoint("GET", "/api/results/model/{model_id}/keys", keys.index, k.KeyList, need=ADMIN),
    Endpoint("POST", "/api/results/model/{model_id}/keys", keys.create, k.MadeKey, 201, body=k.NewKey, need=ADMIN),
    Endpoint("DELETE", "/api/results/model/{model_id}/keys/{key_id}", keys.revoke, status=204, need=ADMIN),
    Endpoint("POST", "/api/results/predict",
             results.predict, r.Prediction | r.Predictions, body=r.Predict, query=r.PredictQuery, need=PREDICT,
             at_once=(results.ask_at_once, results.answer_together), takes=(*TABLES,), gives=(*TABLES,)),
    Endpoint("POST", "/api/results/model/{model_id}/predict-file",
             scoring.predict_file, tuple(MEDIA_TYPES.values()), query=sc.PredictFileQuery, form=d.UploadForm,
             need=PREDICT),
    Endpoint("GET", "/api/results/scoring/{scoring_id}", scoring.show, sc.Scoring, need=PREDICT),
    Endpoint("DELETE", "/api/results/scoring/{scoring_id}", scoring.cancel, status=204, need=PREDICT),
    Endpoint("GET", "/api/results/scoring/{scoring_id}/download",
             scoring.download, tuple(MEDIA_TYPES.values()), need=PREDICT),

    Endpoint("POST", "/invocations",
             invocations.invocations, p.Invoked, body=p.Invocation, query=p.InvocationsQuery, need=PREDICT,
             takes=invocations.TABLES),
    Endpoint("POST", "/models/{model_id}/invocations",
             invocations.of_model, p.Invoked, body=p.Invocation, need=PREDICT,
             takes=invocations.TABLES),
    Endpoint("GET", "/ping", invocations.ping, "application/json", need=OPEN),
    Endpoint("GET", "/health", invocations.ping, "application/json", need=OPEN),
    Endpoint("GET", "/version", invocations.version, "text/plain", need=PREDICT),
    Endpoint("GET", "/v2", inference.server, p.InferenceServer, need=PREDICT),
    Endpoint("GET", "/v2/health/live", inference.live, p.Live, need=OPEN),
    Endpoint("GET", "/v2/health/ready", inference.ready, p.Ready, need=OPEN),
    *(
        endpoint
        for at in ("/v2/models/{model_id}", "/v2/models/{model_id}/versions/{version}")
        for endpoint in (
            Endpoint("GET", at, inference.model, p.InferenceModel, need=PREDICT),
            Endpoint("GET", f"{at}/ready", inference.model_ready, p.ModelReady, need=PREDICT),
            Endpoint("POST", f"{at}/infer", inference.infer, p.Inferred, body=p.Infer, need=PREDICT,
                     takes=inference.BINARY, gives=inference.BINARY),
        )
    ),

    Endpoint("GET", "/api/llm/status", language_models.status, lm.AssistantStatus, need=READ),
    Endpoint("PATCH", "/api/llm/model",
             language_models.choose, lm.AssistantStatus, body=lm.ChooseModel, need=ADMIN),
    Endpoint("POST", "/api/llm/model/try", language_models.try_it, "application/x-ndjson", need=ADMIN, line=lm.Line),
    Endpoint("POST", "/api/llm/suggest-cleaning",
             suggesting.cleaning, su.Suggestions, body=su.SuggestCleaning, need=WRITE, waits=True),
    Endpoint("POST", "/api/llm/feature-engineering",
             suggesting.features, su.Suggestions, body=su.SuggestFeatures, need=WRITE, waits=True),
    Endpoint("POST", "/api/llm/explain-results",
             explaining.by_model, xp.ModelExplanation, body=xp.ExplainResults, need=WRITE, waits=True),
    Endpoint("POST", "/api/llm/explain-results/lines",
             explaining.by_model_in_lines, "application/x-ndjson", body=xp.ExplainResults, need=WRITE, line=xp.Line),
    Endpoint("GET", "/api/llm/last", suggesting.show_last, xp.LastAnswer, query=xp.LastQuery, need=READ),
    Endpoint("GET", "/api/llm/sent", suggesting.show_sent, su.Sent, query=su.SentQuery, need=READ, waits=True),
    Endpoint("GET", "/api/llm/sharing/{dataset_id}", sharing.show, sh.SharedColumns, need=READ),
    Endpoint("PATCH", "/api/llm/sharing/{dataset_id}",
             sharing.change, sh.SharedColumns, body=sh.ChangeSharing, need=WRITE),
    Endpoint("GET", "/api/llm/own/ideas", ideas.own, n.OwnIdeas, query=n.IdeasQuery, need=READ, waits=True),
    Endpoint("POST", "/api/llm/try", ideas.start, n.Try, 202, body=n.StartTry, need=WRITE, waits=True),
    Endpoint("GET", "/api/llm/try", ideas.index, n.TryList, query=n.TriesQuery, need=READ),
    Endpoint("GET", "/api/llm/try/{try_id}", ideas.show, n.Try, need=READ),
    Endpoint("DELETE", "/api/llm/try/{try_id}", ideas.stop, status=204, query=n.StopTry, need=WRITE),

    Endpoint("GET", "/api/cluster", cluster.overview, w.Cluster, need=READ),
    Endpoint("GET", "/api/workers", cluster.index, w.WorkerList, query=PageQuery, need=READ),
    Endpoint("POST", "/api/workers/token", cluster.join_token, w.JoinToken, 201, need=ADMIN),
    Endpoint("POST", "/api/workers/register", workers.register, w.Registered, 201, body=w.Register, need=WORK),
    Endpoint("POST", "/api/workers/heartbeat", workers.heartbeat, w.Stop, body=w.Heartbeat, need=WORK),
    Endpoint("POST", "/api/workers/lease", workers.lease, w.Leased, body=w.Ask, need=WORK),
    Endpoint("POST", "/api/workers/watch", workers.watch, w.Stop, body=w.Watch, need=WORK),
    Endpoint("POST", "/api/workers/leave", workers.leave, status=204, body=w.Leave, need=WORK),
    Endpoint("POST", "/api/workers/llm/lease", exchange.lease, ex.Questioned, body=ex.AskQuestion, need=WORK),
    Endpoint("POST", "/api/workers/llm/answer", exchange.answer, ex.StopAnswer, body=ex.AnswerPiece, need=WORK),
    Endpoint("POST", "/api/workers/llm/watch", exchange.watch, ex.StopAnswer, body=ex.WatchQuestion, need=WORK),
    Endpoint("GET", "/api/workers/program", workers.program, w.Program, need=WORK),
    Endpoint("GET", "/api/workers/program/{sha256}", workers.program_file, "application/octet-stream", need=WORK),
    Endpoint("DELETE", "/api/workers/offline", cluster.remove_offline, status=204, need=ADMIN),
    Endpoint("POST", "/api/workers/logs", logs.from_worker, lg.LogKept, body=lg.SentLog, need=WORK),
    Endpoint("GET", "/api/workers/{worker_id}", cluster.show, w.Worker, need=READ),
    Endpoint("POST", "/api/workers/{worker_id}/drain", cluster.drain, w.Worker, need=ADMIN),
    Endpoint("POST", "/api/workers/{worker_id}/resume", cluster.resume, w.Worker, need=ADMIN),
    Endpoint("DELETE", "/api/workers/{worker_id}", cluster.remove, status=204, need=ADMIN),
    Endpoint("POST", "/api/workers/{worker_id}/trials/{trial_id}/give-back",
             workers.give_back, status=204, query=w.AttemptQuery, body=w.GiveBack, need=WORK),
    Endpoint("GET", "/api/workers/{worker_id}/trials/{trial_id}/brief",
             workers.brief, JobBrief, query=w.AttemptQuery, need=WORK),
    Endpoint("GET", "/api/workers/{worker_id}/trials/{trial_id}/files/{sha256}",
             workers.file, "application/octet-stream", query=w.AttemptQuery, need=WORK),
    Endpoint("GET", "/api/workers/{worker_id}/trials/{trial_id}/uploads/{sha256}",
             workers.received, w.Uploaded, query=w.AttemptQuery, need=WORK),
    Endpoint("PATCH", "/api/workers/{worker_id}/trials/{trial_id}/uploads/{sha256}",
             workers.append, w.Uploaded, query=w.AttemptQuery, need=WORK, takes=inference.BINARY),
    Endpoint("POST", "/api/workers/{worker_id}/trials/{trial_id}/report",
             workers.report, w.Reported, query=w.AttemptQuery, body=w.Report, need=WORK),

    Endpoint("GET", "/api/llm/chat", chat.show, c.Chat, query=c.WhichChat, need=READ),
    Endpoint("POST", "/api/llm/chat", chat.ask, "application/x-ndjson", body=c.Ask, need=WRITE, line=c.Line),
    Endpoint("DELETE", "/api/llm/chat", chat.forget, status=204, query=c.WhichChat, need=WRITE),
    Endpoint("POST", "/api/llm/chat/stop", chat.stop, status=204, body=c.StopChat, need=WRITE),
    Endpoint("POST", "/api/llm/execute",
             code.execute, cd.CodePreview | d.Dataset, body=cd.Execute, need=WRITE, waits=True),

    Endpoint("GET", "/api/logs", logs.index, lg.LogList, query=lg.LogQuery, need=ADMIN),
    Endpoint("GET", "/api/logs/stream", logs.stream, "text/event-stream", query=lg.LogStreamQuery, need=ADMIN),
    Endpoint("GET", "/api/logs/download", logs.download, "text/plain", query=lg.LogFilter, need=ADMIN),
    Endpoint("GET", "/api/settings", system.settings, s.SettingList, need=ADMIN),
    Endpoint("GET", "/api/live", system.live_without_websocket, status=101, need=READ),
    Endpoint("GET", "/api/stats", system.stats, s.SystemStats, need=READ),
    Endpoint("GET", "/api/openapi.json", docs.document, "application/json", need=READ),
    Endpoint("GET", "/api/docs", docs.page, "text/html", need=READ),
    Endpoint("GET", "/healthz", system.health, s.Health, need=OPEN),
    Endpoint("GET", "/readyz", system.readiness, s.Readiness, need=OPEN),
    Endpoint("GET", "/metrics", system.metrics, "text/plain", need=READ),
)
# fmt: on


_OPEN_FILES = tuple(f"{PREFIX}{name}" for name in login.FILES)


def open_paths(pages: Sequence[Endpoint]) -> frozenset[str]:
    """The addresses that take no credential, each as it stands: the gate lets nobody past it to any other."""
    stated = (endpoint.path for endpoint in (*ENDPOINTS, *pages) if endpoint.need is OPEN)
    return frozenset((*stated, *_OPEN_FILES))


def routes(pages: Sequence[Endpoint]) -> list[BaseRoute]:
    """Static files, the API, live updates and the pages, in the order in which they are tried."""
    by_path: dict[str, list[Endpoint]] = {}
    for endpoint in (*ENDPOINTS, *pages):
        by_path.setdefault(endpoint.path, []).append(endpoint)
    # Machines ask hundreds of times in a second, and each address before theirs is compared.
    in_order = sorted(by_path.items(), key=lambda one: not any(endpoint.need is WORK for endpoint in one[1]))
    files = StaticFiles()
    return [
        *(Route(path, Guarded(OPEN, files)) for path in _OPEN_FILES),
        Mount("/static", app=Guarded(READ, files), name="static"),
        WebSocketRoute("/api/live", Guarded(READ, live)),
        *(Route(path, Resource(endpoints), include_in_schema=False) for path, endpoints in in_order),
    ]
