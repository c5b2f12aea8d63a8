"""The schema, as the numbered steps that led to it. A step that has been released is never edited."""

import sqlite3
from dataclasses import dataclass

from flowml.domain.errors import StartupError
from flowml.store.database import transaction


@dataclass(frozen=True)
class Migration:
    """One step; its statements and its own record are one transaction."""

    number: int
    name: str
    statements: tuple[str, ...]


def _log_share(data: str) -> str:
    """In whose share of the log a line is: of this owner, of this machine, and whether it is a warning or worse."""
    worker_id = f"json_extract({data}, '$.worker_id')"
    return (
        f"coalesce(json_extract({data}, '$.owner'), iif({worker_id} = 'local', '', {worker_id}), ''),"
        f" coalesce({worker_id}, ''), coalesce(json_extract({data}, '$.level') <> 'info', 0)"
    )


MIGRATIONS: tuple[Migration, ...] = (
    Migration(
        1,
        "datasets, jobs, trials, models, workers, events",
        (
            """CREATE TABLE datasets (
                id TEXT PRIMARY KEY, name TEXT NOT NULL, filename TEXT NOT NULL, format TEXT NOT NULL,
                n_rows INTEGER NOT NULL, n_columns INTEGER NOT NULL, size_bytes INTEGER NOT NULL,
                sha256 TEXT NOT NULL, table_file TEXT NOT NULL,
                parent_id TEXT REFERENCES datasets(id) ON DELETE SET NULL,
                created_at REAL NOT NULL, columns TEXT NOT NULL, stats TEXT NOT NULL, warnings TEXT NOT NULL
            ) STRICT""",
            "CREATE INDEX datasets_created ON datasets(created_at)",
            # No foreign key to datasets: a job's record outlives its table.
            """CREATE TABLE jobs (
                id TEXT PRIMARY KEY, name TEXT NOT NULL, dataset_id TEXT NOT NULL, spec TEXT NOT NULL,
                status TEXT NOT NULL, stage TEXT NOT NULL, progress REAL NOT NULL, message TEXT NOT NULL,
                problem_type TEXT, metric TEXT, time_budget_seconds REAL NOT NULL, elapsed_seconds REAL NOT NULL,
                best_score REAL, best_model_id TEXT, priority INTEGER NOT NULL, created_at REAL NOT NULL,
                started_at REAL, finished_at REAL, deadline_at REAL, error TEXT,
                cancel_requested INTEGER NOT NULL DEFAULT 0, conductor_starts INTEGER NOT NULL DEFAULT 0
            ) STRICT""",
            "CREATE INDEX jobs_status ON jobs(status, priority, created_at)",
            "CREATE INDEX jobs_dataset ON jobs(dataset_id)",
            """CREATE TABLE trials (
                id TEXT PRIMARY KEY, job_id TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
                number INTEGER NOT NULL, algorithm TEXT NOT NULL, params TEXT NOT NULL, origin TEXT NOT NULL,
                max_rows INTEGER, status TEXT NOT NULL, score REAL, fold_scores TEXT NOT NULL DEFAULT '[]',
                metrics TEXT, fit_seconds REAL, predict_ms REAL, worker_id TEXT, worker_name TEXT, owner TEXT,
                attempt INTEGER NOT NULL DEFAULT 0, failures INTEGER NOT NULL DEFAULT 0,
                lease_expires_at REAL, deadline_at REAL NOT NULL, stop_requested INTEGER NOT NULL DEFAULT 0,
                queued_at REAL NOT NULL, started_at REAL, finished_at REAL, error TEXT,
                out_of_fold_file TEXT, model_file TEXT,
                UNIQUE (job_id, number)
            ) STRICT""",
            "CREATE INDEX trials_status ON trials(status, lease_expires_at)",
            """CREATE TABLE models (
                id TEXT PRIMARY KEY, job_id TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
                trial_id TEXT, name TEXT NOT NULL, algorithm TEXT NOT NULL, problem_type TEXT NOT NULL,
                target TEXT NOT NULL, metric TEXT NOT NULL, score REAL NOT NULL, gain REAL NOT NULL,
                metrics TEXT NOT NULL, cv_scores TEXT NOT NULL, params TEXT NOT NULL, feature_names TEXT NOT NULL,
                classes TEXT, fit_seconds REAL NOT NULL, predict_ms REAL, size_bytes INTEGER NOT NULL,
                file TEXT NOT NULL, created_at REAL NOT NULL, details TEXT NOT NULL
            ) STRICT""",
            "CREATE INDEX models_job ON models(job_id, gain DESC)",
            """CREATE TABLE workers (
                id TEXT PRIMARY KEY, name TEXT NOT NULL UNIQUE, status TEXT NOT NULL, queues TEXT NOT NULL,
                slots INTEGER NOT NULL, capabilities TEXT NOT NULL, registered_at REAL NOT NULL,
                last_seen_at REAL NOT NULL
            ) STRICT""",
            # AUTOINCREMENT: an id is never used twice, even after old events are removed.
            """CREATE TABLE events (
                id INTEGER PRIMARY KEY AUTOINCREMENT, room TEXT NOT NULL, type TEXT NOT NULL, at REAL NOT NULL,
                data TEXT NOT NULL
            ) STRICT""",
            "CREATE INDEX events_room ON events(room, id)",
        ),
    ),
    Migration(
        2,
        "how the models of a job are tested, and what a trial's first fold has to reach",
        (
            # What was asked for is part of a job's spec; this is what became of it when the table had been seen.
            "ALTER TABLE jobs ADD COLUMN validation TEXT",
            "ALTER TABLE trials ADD COLUMN bar REAL",
        ),
    ),
    Migration(
        3,
        "how a file was read, what was done to its table, and figures that are computed once",
        (
            "ALTER TABLE datasets ADD COLUMN source_file TEXT",
            "ALTER TABLE datasets ADD COLUMN how_read TEXT NOT NULL DEFAULT '{}'",
            "ALTER TABLE datasets ADD COLUMN recipe TEXT NOT NULL DEFAULT '[]'",
            "ALTER TABLE datasets ADD COLUMN root_table_file TEXT",
            "CREATE INDEX datasets_parent ON datasets(parent_id)",
            """CREATE TABLE figures (
                dataset_id TEXT NOT NULL REFERENCES datasets(id) ON DELETE CASCADE, name TEXT NOT NULL,
                body TEXT NOT NULL, PRIMARY KEY (dataset_id, name)
            ) STRICT, WITHOUT ROWID""",
        ),
    ),
    Migration(
        4,
        "what to expect of a job's best model, and what a constant guess reaches, beside the job",
        (
            "ALTER TABLE jobs ADD COLUMN estimate TEXT",
            "ALTER TABLE jobs ADD COLUMN baseline_score REAL",
            # It was kept with the model; a run that had not got so far has none.
            """UPDATE jobs SET estimate = (SELECT json_extract(details, '$.estimate') FROM models
                WHERE models.id = jobs.best_model_id)""",
            "UPDATE jobs SET best_score = COALESCE(json_extract(estimate, '$.score'), best_score)",
        ),
    ),
    Migration(
        5,
        "what a trial needs of a machine and what a machine gives to one; what a trial was tested on",
        (
            "ALTER TABLE trials ADD COLUMN queue TEXT NOT NULL DEFAULT 'cpu'",
            "ALTER TABLE trials ADD COLUMN memory_bytes INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE trials ADD COLUMN vram_gb REAL NOT NULL DEFAULT 0",
            "ALTER TABLE trials ADD COLUMN tested_on TEXT",
            "ALTER TABLE workers ADD COLUMN threads INTEGER NOT NULL DEFAULT 1",
            "ALTER TABLE workers ADD COLUMN memory_bytes INTEGER NOT NULL DEFAULT 0",
        ),
    ),
    Migration(
        6,
        "whose data sets, jobs and models are",
        (
            # All that there is so far belongs to who sits at this machine (`domain.caller.LOCAL_OWNER`).
            "ALTER TABLE datasets ADD COLUMN owner TEXT NOT NULL DEFAULT 'owner'",
            "ALTER TABLE jobs ADD COLUMN owner TEXT NOT NULL DEFAULT 'owner'",
            "ALTER TABLE models ADD COLUMN owner TEXT NOT NULL DEFAULT 'owner'",
        ),
    ),
    Migration(
        7,
        "when in a job's own time its trials ended, and what its log says for as long as it is there",
        (
            "ALTER TABLE trials ADD COLUMN elapsed_seconds REAL",
            # Of earlier runs the time of day is known; what was a pause is not, so none ends after its job.
            """UPDATE trials SET elapsed_seconds = (
                SELECT MAX(0, MIN(trials.finished_at - jobs.started_at, jobs.elapsed_seconds)) FROM jobs
                WHERE jobs.id = trials.job_id) WHERE status = 'finished'""",
            """CREATE TABLE history (
                job_id TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE, event_id INTEGER NOT NULL,
                type TEXT NOT NULL, at REAL NOT NULL, data TEXT NOT NULL, PRIMARY KEY (job_id, event_id)
            ) STRICT, WITHOUT ROWID""",
            """INSERT INTO history SELECT jobs.id, events.id, events.type, events.at, json_set(events.data,
                '$.elapsed_seconds', MAX(0, MIN(events.at - jobs.started_at, jobs.elapsed_seconds)))
                FROM events JOIN jobs ON events.room = 'job:' || jobs.id WHERE events.type IN ('log', 'champion')""",
        ),
    ),
    Migration(
        8,
        "data sets and jobs found by name",
        ("CREATE INDEX datasets_name ON datasets(name)", "CREATE INDEX jobs_name ON jobs(name)"),
    ),
    Migration(
        9,
        "lists of very many runs: what they are sorted and counted by, and what a run shows of its best model",
        (
            "DROP INDEX datasets_created",
            "CREATE INDEX datasets_newest ON datasets(created_at DESC, id)",
            "CREATE INDEX jobs_newest ON jobs(created_at DESC, id)",
            "DROP INDEX jobs_dataset",
            "CREATE INDEX jobs_of_dataset ON jobs(dataset_id, created_at DESC, id)",
            "CREATE INDEX trials_of_job ON trials(job_id, status)",
            "CREATE INDEX trials_of_worker ON trials(worker_id, status)",
            "CREATE INDEX events_at ON events(at)",
            "ALTER TABLE jobs ADD COLUMN target TEXT AS (json_extract(spec, '$.target'))",
            """CREATE INDEX jobs_best ON jobs(dataset_id, target, metric, best_score, created_at, id)
                WHERE best_model_id IS NOT NULL AND status IN ('completed', 'failed', 'cancelled')""",
            "ALTER TABLE jobs ADD COLUMN fast_model_id TEXT",
            "ALTER TABLE jobs ADD COLUMN positive_class TEXT",
            """UPDATE jobs SET (fast_model_id, positive_class) = (SELECT json_extract(details, '$.fast_model_id'),
                CASE json_array_length(classes) WHEN 2 THEN json_extract(classes, '$[1]') END
                FROM models WHERE models.id = jobs.best_model_id)""",
        ),
    ),
    Migration(
        10,
        "which files this database has stored: it deletes no others",
        (
            "CREATE TABLE files (sha256 TEXT PRIMARY KEY, modified_at REAL) STRICT, WITHOUT ROWID",
            # When these were written is known of the files alone.
            """INSERT INTO files SELECT sha256, NULL FROM (
                SELECT table_file AS sha256 FROM datasets UNION SELECT source_file FROM datasets
                UNION SELECT root_table_file FROM datasets UNION SELECT out_of_fold_file FROM trials
                UNION SELECT model_file FROM trials UNION SELECT file FROM models) WHERE sha256 <> ''""",
        ),
    ),
    Migration(
        11,
        "whose workers are, and which machine each is",
        (
            "ALTER TABLE workers ADD COLUMN owner TEXT NOT NULL DEFAULT 'owner'",
            "ALTER TABLE workers ADD COLUMN instance TEXT",
            "CREATE INDEX trials_to_stop ON trials(finished_at, owner) WHERE stop_requested = 1",
        ),
    ),
    Migration(
        12,
        "tokens, and what was logged in with them",
        (
            # Of secrets only their SHA-256 is kept (`domain.tokens.fingerprint`).
            """CREATE TABLE tokens (
                id TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT NULL UNIQUE, model_id TEXT,
                created_at REAL NOT NULL, expires_at REAL, last_used_at REAL, revoked_at REAL
            ) STRICT""",
            "CREATE UNIQUE INDEX tokens_name ON tokens(name) WHERE revoked_at IS NULL",
            """CREATE TABLE sessions (
                sha256 TEXT PRIMARY KEY, token_id TEXT NOT NULL REFERENCES tokens(id) ON DELETE CASCADE,
                created_at REAL NOT NULL, expires_at REAL NOT NULL
            ) STRICT, WITHOUT ROWID""",
        ),
    ),
    Migration(
        13,
        "how busy other programs kept the machine when a run began",
        ("ALTER TABLE jobs ADD COLUMN other_load REAL NOT NULL DEFAULT 0",),
    ),
    Migration(
        14,
        "since when a file may be nobody's: 0 for what was deleted, which is known until the file is gone",
        (
            "ALTER TABLE files DROP COLUMN modified_at",
            "ALTER TABLE files ADD COLUMN loose_since REAL",
            "UPDATE files SET loose_since = CAST(strftime('%s', 'now') AS REAL)",
            "CREATE INDEX files_loose ON files(loose_since) WHERE loose_since IS NOT NULL",
            "CREATE INDEX datasets_of_table ON datasets(table_file)",
            "CREATE INDEX datasets_of_source ON datasets(source_file)",
            "CREATE INDEX datasets_of_root ON datasets(root_table_file)",
            "CREATE INDEX trials_of_out_of_fold ON trials(out_of_fold_file) WHERE out_of_fold_file IS NOT NULL",
            "CREATE INDEX trials_of_model ON trials(model_file) WHERE model_file IS NOT NULL",
            "CREATE INDEX models_of_file ON models(file)",
            """CREATE TRIGGER datasets_deleted AFTER DELETE ON datasets BEGIN UPDATE files SET loose_since = 0
                WHERE sha256 IN (OLD.table_file, OLD.source_file, OLD.root_table_file); END""",
            """CREATE TRIGGER trials_deleted AFTER DELETE ON trials BEGIN UPDATE files SET loose_since = 0
                WHERE sha256 IN (OLD.out_of_fold_file, OLD.model_file); END""",
            """CREATE TRIGGER models_deleted AFTER DELETE ON models BEGIN UPDATE files SET loose_since = 0
                WHERE sha256 = OLD.file; END""",
            # The ensemble of a run grows, and somebody may just be reading the one before.
            """CREATE TRIGGER models_replaced AFTER UPDATE OF file ON models WHEN OLD.file <> NEW.file BEGIN
                UPDATE files SET loose_since = CAST(strftime('%s', 'now') AS REAL) WHERE sha256 = OLD.file; END""",
        ),
    ),
    Migration(
        15,
        "files that are handed over for a trial before it is reported: they are its own until it has ended",
        (
            """CREATE TABLE handed_over (
                sha256 TEXT NOT NULL, trial_id TEXT NOT NULL REFERENCES trials(id) ON DELETE CASCADE,
                PRIMARY KEY (sha256, trial_id)
            ) STRICT, WITHOUT ROWID""",
            "CREATE INDEX handed_over_for ON handed_over(trial_id)",
            """CREATE TRIGGER trials_ended AFTER UPDATE OF status ON trials WHEN NEW.status NOT IN ('queued', 'leased')
                BEGIN DELETE FROM handed_over WHERE trial_id = NEW.id; END""",
            """CREATE TRIGGER handed_over_deleted AFTER DELETE ON handed_over BEGIN UPDATE files SET loose_since = 0
                WHERE sha256 = OLD.sha256; END""",
        ),
    ),
    Migration(
        16,
        "which attempt has handed over a file, and workers that are set aside",
        (
            "ALTER TABLE handed_over ADD COLUMN attempt INTEGER NOT NULL DEFAULT 0",
            # Trials of each that were refused, and why no more are given to it.
            "ALTER TABLE workers ADD COLUMN refused INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE workers ADD COLUMN set_aside TEXT",
        ),
    ),
    Migration(
        17,
        "what waits found in the order in which it is given out, and what it needs without looking at it",
        (
            "CREATE INDEX trials_waiting ON trials(job_id, number) WHERE status = 'queued'",
            "CREATE INDEX trials_needs ON trials(queue, memory_bytes, vram_gb) WHERE status = 'queued'",
        ),
    ),
    Migration(
        18,
        "which workers broke down with a trial, what went wrong on each, the life that each is in, and whose trials"
        " machines with a GPU have first",
        (
            "ALTER TABLE trials ADD COLUMN prefers TEXT",
            "ALTER TABLE trials ADD COLUMN killed TEXT NOT NULL DEFAULT '[]'",
            "ALTER TABLE workers ADD COLUMN life TEXT",
            """CREATE TABLE mishaps (
                id INTEGER PRIMARY KEY, worker_id TEXT NOT NULL REFERENCES workers(id) ON DELETE CASCADE,
                trial_id TEXT NOT NULL REFERENCES trials(id) ON DELETE CASCADE, reason TEXT NOT NULL, at REAL NOT NULL
            ) STRICT""",
            "CREATE INDEX trials_that_prefer ON trials(job_id, number) WHERE status = 'queued' AND prefers IS NOT NULL",
            "CREATE INDEX trials_that_killed ON trials(id) WHERE status = 'queued' AND failures > 0",
            "CREATE INDEX mishaps_of_worker ON mishaps(worker_id)",
            "CREATE INDEX mishaps_of_trial ON mishaps(trial_id)",
        ),
    ),
    Migration(
        19,
        "which machine worked on a trial from when to when, also where that was not what ended it",
        (
            "ALTER TABLE trials ADD COLUMN started_seconds REAL",
            """CREATE TABLE attempts (
                trial_id TEXT NOT NULL REFERENCES trials(id) ON DELETE CASCADE, attempt INTEGER NOT NULL,
                worker_id TEXT, worker_name TEXT, started_seconds REAL, ended_seconds REAL, error TEXT,
                PRIMARY KEY (trial_id, attempt)
            ) STRICT, WITHOUT ROWID""",
            # Who takes a trial away knows no steady clock; what its run has noted last is late by a moment.
            """CREATE TRIGGER trials_left AFTER UPDATE OF status ON trials
                WHEN OLD.status = 'leased' AND NEW.status NOT IN ('leased', 'finished') AND NEW.elapsed_seconds IS NULL
                BEGIN UPDATE trials SET elapsed_seconds = max(ifnull(NEW.started_seconds, 0),
                    (SELECT jobs.elapsed_seconds FROM jobs WHERE jobs.id = NEW.job_id)) WHERE id = NEW.id; END""",
            # A trial that is given back again and again keeps the last of its attempts.
            """CREATE TRIGGER trials_attempted AFTER UPDATE OF status ON trials
                WHEN OLD.status IN ('leased', 'finished') AND NEW.status = 'queued' BEGIN
                INSERT OR REPLACE INTO attempts SELECT NEW.id, NEW.attempt, OLD.worker_id, OLD.worker_name,
                    OLD.started_seconds, coalesce(OLD.elapsed_seconds, max(ifnull(OLD.started_seconds, 0),
                    jobs.elapsed_seconds)), NEW.error FROM jobs WHERE jobs.id = NEW.job_id;
                DELETE FROM attempts WHERE trial_id = NEW.id AND attempt <= NEW.attempt - 10; END""",
        ),
    ),
    Migration(
        20,
        "whose tables each worker has been given",
        (
            """CREATE TABLE fetched (
                worker_id TEXT NOT NULL REFERENCES workers(id) ON DELETE CASCADE,
                dataset_id TEXT NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
                PRIMARY KEY (worker_id, dataset_id)
            ) STRICT, WITHOUT ROWID""",
            "CREATE INDEX fetched_of_dataset ON fetched(dataset_id)",
        ),
    ),
    Migration(21, "how busy each worker says that it is", ("ALTER TABLE workers ADD COLUMN load TEXT",)),
    Migration(
        22,
        "how much of the log is whose",
        (
            # `owner`: whose worker it is from; '' what this server has said itself.
            """CREATE TABLE log_shares (
                owner TEXT NOT NULL, worker_id TEXT NOT NULL, matters INTEGER NOT NULL,
                lines INTEGER NOT NULL, bytes INTEGER NOT NULL, PRIMARY KEY (owner, worker_id, matters)
            ) STRICT, WITHOUT ROWID""",
            f"""INSERT INTO log_shares SELECT {_log_share("data")}, count(*), sum(length(CAST(data AS BLOB)))
                FROM events WHERE room = 'logs' AND json_valid(data) GROUP BY 1, 2, 3""",
            # By triggers, since every process writes lines, and they go with other events as well.
            f"""CREATE TRIGGER logs_come AFTER INSERT ON events WHEN NEW.room = 'logs' BEGIN
                INSERT INTO log_shares VALUES ({_log_share("NEW.data")}, 1, length(CAST(NEW.data AS BLOB)))
                ON CONFLICT DO UPDATE SET lines = lines + 1, bytes = bytes + excluded.bytes; END""",
            f"""CREATE TRIGGER logs_go AFTER DELETE ON events WHEN OLD.room = 'logs' AND json_valid(OLD.data) BEGIN
                UPDATE log_shares SET lines = lines - 1, bytes = bytes - length(CAST(OLD.data AS BLOB))
                    WHERE (owner, worker_id, matters) = ({_log_share("OLD.data")});
                DELETE FROM log_shares WHERE (owner, worker_id, matters) = ({_log_share("OLD.data")}) AND lines <= 0;
                END""",
        ),
    ),
    Migration(
        23,
        "which workers somebody has drained, and who has trained for a job",
        (
            "ALTER TABLE workers ADD COLUMN drained INTEGER NOT NULL DEFAULT 0",
            "UPDATE workers SET drained = 1 WHERE status = 'draining' AND set_aside IS NULL",
            "CREATE INDEX trials_at_home ON trials(job_id, owner) WHERE status = 'finished'",
        ),
    ),
    Migration(
        24,
        "when, why and of whom the machines are that could not do a trial, and which trials are held until it is known"
        " whether they have lived",
        (
            """CREATE TABLE strikes (
                id INTEGER PRIMARY KEY, trial_id TEXT NOT NULL REFERENCES trials(id) ON DELETE CASCADE,
                worker_id TEXT NOT NULL, party TEXT NOT NULL, is_reported INTEGER NOT NULL,
                is_suspected INTEGER NOT NULL, at REAL NOT NULL
            ) STRICT""",
            "CREATE INDEX strikes_of_trial ON strikes(trial_id, worker_id)",
            "CREATE INDEX strikes_suspected ON strikes(worker_id) WHERE is_suspected = 1",
            "ALTER TABLE trials ADD COLUMN struck_at REAL",
            "ALTER TABLE trials ADD COLUMN given_up_at REAL",
            "ALTER TABLE trials ADD COLUMN redated INTEGER NOT NULL DEFAULT 0",
            "ALTER TABLE mishaps ADD COLUMN needed_bytes REAL",
            "CREATE INDEX trials_held ON trials(id) WHERE given_up_at IS NOT NULL",
            # Whom a trial was left to is known only while its run goes on: those of a server that is upgraded in the
            # middle of one begin anew.
            "UPDATE trials SET failures = 0 WHERE status IN ('queued', 'leased')",
            "ALTER TABLE trials DROP COLUMN killed",
            "UPDATE workers SET refused = refused * 10 WHERE refused > 0",
        ),
    ),
    Migration(
        25,
        "finished trials of other machines that this server has not looked at yet",
        (
            "ALTER TABLE trials ADD COLUMN to_look_at INTEGER NOT NULL DEFAULT 0",
            "CREATE INDEX trials_to_look_at ON trials(job_id) WHERE to_look_at = 1",
            # What counts as finished is counted without a look at the trials.
            "DROP INDEX trials_of_job",
            "DROP INDEX trials_of_worker",
            "CREATE INDEX trials_of_job ON trials(job_id, status, to_look_at)",
            "CREATE INDEX trials_of_worker ON trials(worker_id, status, to_look_at)",
            # Those that are looked at have a model.
            """UPDATE trials SET to_look_at = 1 WHERE status = 'finished' AND worker_id <> 'local' AND number >= 0
                AND NOT EXISTS (SELECT 1 FROM models WHERE models.trial_id = trials.id)
                AND job_id IN (SELECT id FROM jobs WHERE status IN ('queued', 'running'))""",
            """UPDATE trials SET status = 'cancelled', score = NULL, fold_scores = '[]', metrics = NULL
                WHERE status = 'finished' AND worker_id <> 'local' AND number >= 0 AND to_look_at = 0
                AND NOT EXISTS (SELECT 1 FROM models WHERE models.trial_id = trials.id)""",
        ),
    ),
    Migration(
        26,
        "what models said of rows that they had not seen, where no trial has kept it; figures of a job's results",
        (
            "ALTER TABLE models ADD COLUMN out_of_fold_file TEXT",
            "CREATE INDEX models_of_out_of_fold ON models(out_of_fold_file) WHERE out_of_fold_file IS NOT NULL",
            "DROP TRIGGER models_deleted",
            """CREATE TRIGGER models_deleted AFTER DELETE ON models BEGIN UPDATE files SET loose_since = 0
                WHERE sha256 IN (OLD.file, OLD.out_of_fold_file); END""",
            """CREATE TRIGGER models_out_of_fold_replaced AFTER UPDATE OF out_of_fold_file ON models
                WHEN OLD.out_of_fold_file IS NOT NEW.out_of_fold_file BEGIN
                UPDATE files SET loose_since = CAST(strftime('%s', 'now') AS REAL)
                WHERE sha256 = OLD.out_of_fold_file; END""",
            """CREATE TABLE job_figures (
                job_id TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE, name TEXT NOT NULL, stand TEXT NOT NULL,
                body TEXT NOT NULL, PRIMARY KEY (job_id, name)
            ) STRICT, WITHOUT ROWID""",
        ),
    ),
    Migration(
        27,
        "files that are answered by a model",
        (
            """CREATE TABLE scorings (
                id TEXT PRIMARY KEY, owner TEXT NOT NULL,
                model_id TEXT NOT NULL REFERENCES models(id) ON DELETE CASCADE,
                filename TEXT NOT NULL, format TEXT NOT NULL, status TEXT NOT NULL, created_at REAL NOT NULL,
                ended_at REAL, answer TEXT, problem TEXT
            ) STRICT""",
            "CREATE INDEX scorings_of_model ON scorings(model_id)",
            "CREATE INDEX scorings_ended ON scorings(ended_at)",
        ),
    ),
    Migration(
        28,
        "of which columns a language model may be told values",
        (
            """CREATE TABLE sharing (
                dataset_id TEXT PRIMARY KEY REFERENCES datasets(id) ON DELETE CASCADE, ordinary INTEGER NOT NULL,
                columns TEXT NOT NULL, changed_at REAL NOT NULL, changed_by TEXT NOT NULL
            ) STRICT""",
            """CREATE TRIGGER sharing_of_versions AFTER INSERT ON datasets WHEN NEW.parent_id IS NOT NULL BEGIN
                INSERT INTO sharing (dataset_id, ordinary, columns, changed_at, changed_by)
                    SELECT NEW.id, ordinary, columns, changed_at, changed_by FROM sharing
                    WHERE dataset_id = NEW.parent_id;
                END""",
        ),
    ),
    Migration(
        29,
        "conversations about data sets and runs",
        (
            """CREATE TABLE messages (
                number INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE,
                dataset_id TEXT REFERENCES datasets(id) ON DELETE CASCADE,
                job_id TEXT REFERENCES jobs(id) ON DELETE CASCADE,
                owner TEXT NOT NULL, speaker TEXT NOT NULL, text TEXT NOT NULL, state TEXT NOT NULL,
                created_at REAL NOT NULL, reason TEXT NOT NULL DEFAULT '', hint TEXT NOT NULL DEFAULT '',
                cited TEXT NOT NULL DEFAULT '[]', proposal TEXT, questions TEXT NOT NULL DEFAULT '[]',
                unfounded TEXT NOT NULL DEFAULT '[]', model TEXT, place TEXT NOT NULL DEFAULT '', seconds REAL
            ) STRICT""",
            "CREATE INDEX messages_of_dataset ON messages(dataset_id, number)",
            "CREATE INDEX messages_of_job ON messages(job_id, number)",
            "CREATE INDEX messages_open ON messages(state) WHERE state = 'running'",
        ),
    ),
    Migration(
        30,
        "which language model answers, and what was found out about it",
        (
            """CREATE TABLE language_model_choice (
                only_one INTEGER PRIMARY KEY CHECK (only_one = 1), model TEXT NOT NULL, machine TEXT NOT NULL
            ) STRICT""",
            """CREATE TABLE language_model_probes (
                digest TEXT NOT NULL, version TEXT NOT NULL, plain INTEGER, thinking INTEGER, probed_at REAL NOT NULL,
                PRIMARY KEY (digest, version)
            ) STRICT""",
        ),
    ),
    Migration(
        31,
        "ideas for columns that were tried",
        (
            """CREATE TABLE tries (
                id TEXT PRIMARY KEY, dataset_id TEXT NOT NULL REFERENCES datasets(id) ON DELETE CASCADE,
                key TEXT NOT NULL, target TEXT NOT NULL, request TEXT NOT NULL, status TEXT NOT NULL,
                created_at REAL NOT NULL, ended_at REAL, answer TEXT, problem TEXT, UNIQUE (dataset_id, key)
            ) STRICT""",
            "CREATE INDEX tries_open ON tries(id) WHERE status IN ('waiting', 'running')",
        ),
    ),
    Migration(
        32,
        "code that made a version of a table",
        ("ALTER TABLE datasets ADD COLUMN code TEXT",),
    ),
    Migration(
        33,
        "what was found out about a language model is known of the machine that has it",
        (
            "DROP TABLE language_model_probes",
            """CREATE TABLE language_model_probes (
                machine TEXT NOT NULL, digest TEXT NOT NULL, version TEXT NOT NULL, plain INTEGER, thinking INTEGER,
                probed_at REAL NOT NULL, PRIMARY KEY (machine, digest, version)
            ) STRICT""",
        ),
    ),
    Migration(
        34,
        "how many ideas were tried on the versions of a table, also when they are forgotten",
        (
            "ALTER TABLE datasets ADD COLUMN family TEXT",
            """WITH RECURSIVE line(id, family) AS (
                    SELECT id, COALESCE(root_table_file, table_file) FROM datasets WHERE parent_id IS NULL
                    UNION ALL SELECT datasets.id, line.family FROM datasets JOIN line ON datasets.parent_id = line.id)
                UPDATE datasets SET family = (SELECT family FROM line WHERE line.id = datasets.id)""",
            "CREATE INDEX datasets_of_family ON datasets(family)",
            # What a version was made of may be deleted later: what it belongs to is known from the start.
            """CREATE TRIGGER family_of_versions AFTER INSERT ON datasets BEGIN
                UPDATE datasets SET family = COALESCE(
                    (SELECT family FROM datasets WHERE id = NEW.parent_id), NEW.root_table_file, NEW.table_file)
                    WHERE id = NEW.id;
                END""",
            """CREATE TABLE ideas_tried (
                family TEXT NOT NULL, target TEXT NOT NULL, dataset_id TEXT NOT NULL, key TEXT NOT NULL,
                PRIMARY KEY (family, target, dataset_id, key)
            ) STRICT, WITHOUT ROWID""",
            """INSERT INTO ideas_tried (family, target, dataset_id, key)
                SELECT family, target, dataset_id, key FROM tries JOIN datasets ON datasets.id = tries.dataset_id
                WHERE status = 'finished'""",
            """CREATE TRIGGER ideas_are_counted AFTER UPDATE OF status ON tries WHEN NEW.status = 'finished' BEGIN
                INSERT OR IGNORE INTO ideas_tried (family, target, dataset_id, key)
                    SELECT family, NEW.target, NEW.dataset_id, NEW.key FROM datasets WHERE id = NEW.dataset_id;
                END""",
            """CREATE TRIGGER ideas_go_with_the_last_version AFTER DELETE ON datasets
                WHEN NOT EXISTS (SELECT 1 FROM datasets WHERE family = OLD.family) BEGIN
                DELETE FROM ideas_tried WHERE family = OLD.family;
                END""",
        ),
    ),
    Migration(
        35,
        "of which columns a model might be told values when it answered",
        (
            "ALTER TABLE messages ADD COLUMN values_of TEXT",
            # Where nobody has ever decided anything, of none; where somebody has, it is not known what held then.
            """UPDATE messages SET values_of = '[]' WHERE model IS NOT NULL AND dataset_id IS NOT NULL
                AND NOT EXISTS (SELECT 1 FROM sharing WHERE sharing.dataset_id = messages.dataset_id)""",
        ),
    ),
    Migration(
        36,
        "what a language model has answered last",
        (
            """CREATE TABLE last_answers (
                number INTEGER PRIMARY KEY AUTOINCREMENT, purpose TEXT NOT NULL,
                dataset_id TEXT REFERENCES datasets(id) ON DELETE CASCADE,
                job_id TEXT REFERENCES jobs(id) ON DELETE CASCADE,
                model_id TEXT REFERENCES models(id) ON DELETE CASCADE,
                target TEXT, about TEXT NOT NULL UNIQUE, answer TEXT NOT NULL, standing TEXT NOT NULL,
                made_at REAL NOT NULL
            ) STRICT""",
            "CREATE INDEX last_answers_of_dataset ON last_answers(dataset_id, number)",
            "CREATE INDEX last_answers_of_job ON last_answers(job_id)",
            "CREATE INDEX last_answers_of_model ON last_answers(model_id)",
        ),
    ),
)


def migrate(connection: sqlite3.Connection, now: float, migrations: tuple[Migration, ...] = MIGRATIONS) -> None:
    """Bring the database to this version.

    Raises StartupError for a database that a newer version has written; that one is left as it is.
    """
    connection.execute(
        "CREATE TABLE IF NOT EXISTS migrations"
        " (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied_at REAL NOT NULL)"
    )
    for migration in migrations:
        # Looked up inside the transaction: two processes may start at the same moment.
        with transaction(connection):
            applied = connection.execute("SELECT MAX(number) FROM migrations").fetchone()[0] or 0
            if applied > migrations[-1].number:
                raise StartupError(
                    "This home folder was written by a newer version of FlowML.",
                    hint="Start it with that version or a later one, or choose another folder with --home.",
                )
            if migration.number > applied:
                for statement in migration.statements:
                    connection.execute(statement)
                connection.execute(
                    "INSERT INTO migrations (number, name, applied_at) VALUES (?, ?, ?)",
                    (migration.number, migration.name, now),
                )
