"""What code may call, by the names that Polars has for it, and what to do instead of what it may not.

Everything else is refused. Left out is what reads or writes files, connects, calls Python functions, evaluates texts,
changes settings of the process, changes a table in place, or depends on chance without a seed.
"""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


FUNCTIONS = _words(
    "all all_horizontal any any_horizontal approx_n_unique arange arctan2 arg_sort_by arg_where business_day_count"
    " coalesce col concat concat_arr concat_list concat_str corr count cov cum_count cum_sum cum_sum_horizontal"
    " date date_range date_ranges datetime datetime_range datetime_ranges duration element escape_regex exclude first"
    " format from_dict from_dicts from_epoch from_records head implode int_range int_ranges last len linear_space lit"
    " max max_horizontal mean mean_horizontal median min min_horizontal n_unique nth ones quantile repeat rolling_corr"
    " rolling_cov row_index select std struct sum sum_horizontal tail time time_range union var when zeros"
    " DataFrame Series Schema Field"
    " Array Categorical Datetime Decimal Duration Enum List Struct"
)
"""Called as `pl.NAME(…)`."""

TYPES = _words(
    "Array Binary Boolean Categorical Date Datetime Decimal Duration Enum Float32 Float64 Int8 Int16 Int32 Int64 Int128"
    " List Null String Struct Time UInt8 UInt16 UInt32 UInt64 Utf8"
)
"""Named as `pl.NAME`."""

TYPE_METHODS = _words(
    "is_numeric is_integer is_signed_integer is_unsigned_integer is_float is_decimal is_temporal is_nested"
)

PYTHON_TYPES = _words("bool float int str")
"""Python's types that Polars takes for its own."""

BUILTINS = _words("abs bool float int len max min round str sum")
"""Python's functions that may be called."""

PROPERTIES = _words("columns dtype dtypes height schema shape width")
"""Of tables and columns; not called."""

_SHARED = (
    # Expressions, columns and tables.
    "abs add alias all all_horizontal and_ any approx_n_unique arccos arccosh arcsin arcsinh arctan arctanh arg_max"
    " arg_min arg_sort arg_true arg_unique backward_fill bitwise_and bitwise_or bitwise_xor bottom_k bottom_k_by cast"
    " cbrt ceil clip cos cosh cot count cum_count cum_max cum_min cum_prod cum_sum cut degrees diff dot drop_nans"
    " drop_nulls entropy eq eq_missing ewm_mean ewm_mean_by ewm_std ewm_sum ewm_var exclude exp explode fill_nan"
    " fill_null filter first floor floordiv forward_fill gather gather_every ge get gt has_nulls hash head hist implode"
    " index_of interpolate interpolate_by is_between is_close is_duplicated is_empty is_finite is_first_distinct is_in"
    " is_infinite is_last_distinct is_nan is_not_nan is_not_null is_null is_sorted is_unique item kurtosis last le len"
    " limit list log log10 log1p lower_bound lt max max_by max_horizontal mean mean_horizontal median min min_by"
    " min_horizontal mod mode mul n_unique nan_max nan_min ne ne_missing neg not_ null_count or_ over pct_change"
    " peak_max peak_min pow product qcut quantile radians rank reinterpret replace replace_strict reverse rle_id"
    " rolling rolling_kurtosis rolling_max rolling_max_by rolling_mean rolling_mean_by rolling_median rolling_median_by"
    " rolling_min rolling_min_by rolling_quantile rolling_quantile_by rolling_rank rolling_skew rolling_std"
    " rolling_std_by rolling_sum rolling_sum_by rolling_var rolling_var_by round round_sig_figs sample search_sorted"
    " shift shuffle sign sin sinh skew slice sort sort_by sqrt std sub sum sum_horizontal tail tan tanh to_physical"
    " top_k top_k_by truediv truncate unique unique_counts upper_bound value_counts var xor"
)
_TABLES = (
    " agg clone collect corr drop get_column group_by group_by_dynamic having hstack join join_asof lazy"
    " merge_sorted pivot remove rename select to_dummies to_frame to_list to_series to_struct transpose unnest"
    " unpivot unstack update upsample vstack when then otherwise with_columns with_row_index zip_with is_numeric"
    " collect_schema names"
)
METHODS = _words(_SHARED + _TABLES) | TYPE_METHODS
"""Called on tables, columns, groups and expressions."""

NAMESPACES = {
    "str": _words(
        "contains contains_any count_matches decode encode ends_with escape_regex extract extract_all extract_groups"
        " extract_many find find_many head join json_decode json_path_match len_bytes len_chars normalize pad_end"
        " pad_start replace replace_all replace_many reverse slice split split_exact splitn starts_with strip_chars"
        " strip_chars_end strip_chars_start strip_prefix strip_suffix strptime tail to_date to_datetime to_decimal"
        " to_integer to_lowercase to_time to_titlecase to_uppercase zfill"
    ),
    "dt": _words(
        "add_business_days base_utc_offset cast_time_unit century combine convert_time_zone date day days_in_month"
        " dst_offset epoch hour is_business_day is_leap_year iso_year microsecond millennium millisecond minute month"
        " month_end month_start nanosecond offset_by ordinal_day quarter replace replace_time_zone round second"
        " strftime time timestamp to_string total_days total_hours total_microseconds total_milliseconds total_minutes"
        " total_nanoseconds total_seconds truncate week weekday year"
    ),
    "list": _words(
        "agg all any arg_max arg_min concat contains count_matches diff drop_nulls eval explode filter first gather"
        " gather_every get head item join last len max mean median min n_unique reverse sample set_difference"
        " set_intersection set_symmetric_difference set_union shift slice sort std sum tail to_array to_struct unique"
        " var"
    ),
    "arr": _words(
        "all any arg_max arg_min contains count_matches eval explode first get head join last len max mean median min"
        " n_unique reverse shift slice sort std sum tail to_list to_struct unique var"
    ),
    "cat": _words("ends_with len_bytes len_chars slice starts_with"),
    "struct": _words("drop field json_encode rename_fields unnest with_fields"),
    "bin": _words("contains decode encode ends_with get head size slice starts_with tail"),
    "name": _words(
        "keep prefix prefix_fields replace strip_prefix strip_suffix suffix suffix_fields to_lowercase to_uppercase"
    ),
}
"""Called as `….NAMESPACE.NAME(…)`."""

SELECTORS = _words(
    "all alpha alphanumeric array binary boolean by_dtype by_index by_name categorical contains date datetime decimal"
    " digit duration ends_with enum exclude first float integer last list matches nested numeric signed_integer"
    " starts_with string struct temporal time unsigned_integer"
)
"""Called as `cs.NAME(…)`, or `pl.selectors.NAME(…)`."""

TEXT_METHODS = _words(
    "capitalize casefold endswith lower lstrip removeprefix removesuffix replace rstrip startswith strip title upper"
)
"""Called on a text in Python: the name of a column."""

REFUSED_ARGUMENTS = {
    "allow_object": "Only values that Polars has are allowed.",
    "background": "Leave it out.",
    "engine": "Leave it out.",
    "function": "Python functions are not called here: say it with expressions.",
    "in_place": "A table is not changed in place: say df = df.….",
    "optimizations": "Leave it out.",
    "storage_options": "Files cannot be read.",
}
"""Arguments, whatever takes them."""

SEEDED = frozenset({"sample", "shuffle"})
"""What takes a `seed`, without which it is another result each time."""

SIZED = frozenset(
    {"arange", "int_range", "int_ranges", "linear_space", "ones", "pad_end", "pad_start", "repeat", "zeros", "zfill"}
)
"""What makes as much as its numbers say."""

HOW_JOINED = frozenset({"inner", "left", "right", "full", "semi", "anti"})
"""Of two tables. All rows with all rows is not among them."""

_FILES = "Only the table of this data set is there, as df."
_STORES = "FlowML stores the result itself once you approve it."
_FUNCTIONS = "Python functions are not called here: say it with expressions, as pl.when(…).then(…).otherwise(…)."
_IN_PLACE = "Say df = df.with_columns(…), df.select(…) or df.drop(…): a table is not changed in place."
_SHOWS = "The preview shows the result."
_SQL = "Say it with df.filter(…), df.group_by(…) or df.with_columns(…)."
_OUTSIDE = "Polars’ own expressions do the same on whole columns."
_INSTEAD = {
    "apply": _FUNCTIONS,
    "append": _IN_PLACE,
    "clear": _IN_PLACE,
    "deserialize": _FILES,
    "describe": _SHOWS,
    "drop_in_place": _IN_PLACE,
    "explain": _SHOWS,
    "extend": _IN_PLACE,
    "filter_map": _FUNCTIONS,
    "fold": _FUNCTIONS,
    "cum_fold": _FUNCTIONS,
    "reduce": _FUNCTIONS,
    "cum_reduce": _FUNCTIONS,
    "glimpse": _SHOWS,
    "groupby": "It is called group_by.",
    "insert_column": _IN_PLACE,
    "inspect": _SHOWS,
    "iter_rows": _OUTSIDE,
    "iter_columns": _OUTSIDE,
    "join_where": "Join by columns that are equal: df.join(other, on=…).",
    "pipe": _FUNCTIONS,
    "pipe_with_schema": _FUNCTIONS,
    "pipe_with_dtype": _FUNCTIONS,
    "replace_column": _IN_PLACE,
    "rolling_map": "Take rolling_mean, rolling_sum, rolling_max and their like.",
    "rows": _OUTSIDE,
    "serialize": _STORES,
    "set": "Say it with pl.when(…).then(…).otherwise(…).",
    "set_sorted": "Say sort(…).",
    "show": _SHOWS,
    "show_graph": _SHOWS,
    "sql": _SQL,
    "sql_expr": _SQL,
    "SQLContext": _SQL,
    "to_dict": _OUTSIDE,
    "to_dicts": _OUTSIDE,
    "to_numpy": _OUTSIDE,
    "to_pandas": _OUTSIDE,
    "withColumn": "It is called with_columns.",
    "with_column": "It is called with_columns.",
    "with_row_count": "It is called with_row_index.",
    "astype": "It is called cast.",
    "fillna": "It is called fill_null.",
    "dropna": "It is called drop_nulls.",
    "drop_duplicates": "It is called unique.",
    "sort_values": "It is called sort.",
    "assign": "It is called with_columns.",
    "isnull": "It is called is_null.",
    "isna": "It is called is_null.",
    "notnull": "It is called is_not_null.",
    "nunique": "It is called n_unique.",
    "isin": "It is called is_in.",
    "strip": "It is called str.strip_chars.",
    "lower": "It is called str.to_lowercase.",
    "upper": "It is called str.to_uppercase.",
    "melt": "It is called unpivot.",
    "lengths": "It is called len.",
    "n_chars": "It is called len_chars.",
}
_BEGINNINGS = (
    ("read_", _FILES),
    ("scan_", _FILES),
    ("write_", _STORES),
    ("sink_", _STORES),
    ("map_", _FUNCTIONS),
    ("map", _FUNCTIONS),
    ("register_", "Plugins cannot be loaded here."),
    ("to_", _OUTSIDE),
    ("from_", _FILES),
)


def instead_of(name: str) -> str | None:
    """What to do instead of calling this; None where nothing is known."""
    return _INSTEAD.get(name) or next((words for start, words in _BEGINNINGS if name.startswith(start)), None)
