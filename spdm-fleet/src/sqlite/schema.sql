-- Times are RFC 3339 in UTC, which SQLite's date functions read; durations are milliseconds; digests are hexadecimal digits.
-- Text is as lists, devices and services have it.
CREATE TABLE job (
    job TEXT NOT NULL PRIMARY KEY,
    digest TEXT NOT NULL,
    items INTEGER NOT NULL,
    started TEXT NOT NULL
) STRICT;

CREATE TABLE item (
    item TEXT NOT NULL PRIMARY KEY,
    job TEXT NOT NULL REFERENCES job (job),
    target TEXT NOT NULL,
    class TEXT NOT NULL,
    host TEXT NOT NULL,
    site TEXT NOT NULL,
    labels TEXT NOT NULL -- a JSON object
) STRICT;

CREATE INDEX item_of_target ON item (target, class);

-- One row for each verdict about an attempt: a second one that differs is a contradiction, and is kept beside the first.
CREATE TABLE outcome (
    item TEXT NOT NULL REFERENCES item (item),
    attempt INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    fault TEXT NOT NULL,
    final INTEGER NOT NULL,
    reason TEXT, -- the check
    measurement INTEGER,
    detail TEXT,
    started TEXT NOT NULL,
    finished TEXT NOT NULL,
    queued_ms INTEGER NOT NULL,
    device_ms INTEGER NOT NULL,
    verify_ms INTEGER NOT NULL,
    round_trips INTEGER NOT NULL,
    worker TEXT NOT NULL,
    evidence_sha256 TEXT,
    evidence_file TEXT,
    evidence_bytes INTEGER,
    policy_sha256 TEXT,
    references_sha256 TEXT,
    anchors_sha256 TEXT,
    tool TEXT NOT NULL,
    at TEXT,
    report TEXT, -- JSON, as spdm attest --json writes it
    PRIMARY KEY (item, attempt, outcome, fault)
) STRICT;

-- How the last attempt at each item ended. What was cancelled was not tried, and says nothing beside a verdict about the same
-- attempt. Of two verdicts about one attempt neither counts, nor does an attempt behind the last one.
CREATE VIEW latest AS
WITH entry AS (
    SELECT
        rowid AS entry,
        item,
        attempt,
        outcome,
        max(attempt) FILTER (WHERE outcome <> 'cancelled') OVER (PARTITION BY item) AS tried,
        min(attempt) FILTER (WHERE final AND outcome <> 'cancelled') OVER (PARTITION BY item) AS ended,
        count(*) FILTER (WHERE outcome <> 'cancelled') OVER (PARTITION BY item, attempt) AS verdicts
    FROM outcome
),
said AS (
    SELECT
        entry,
        coalesce(ended < tried, 0)
        OR coalesce(max(attempt = tried AND verdicts > 1) OVER (PARTITION BY item), 0) AS contradiction,
        row_number() OVER (PARTITION BY item ORDER BY attempt DESC, outcome = 'cancelled', entry) AS place
    FROM entry
)
SELECT
    item.job,
    item.item,
    item.target,
    item.class,
    item.host,
    item.site,
    item.labels,
    last.attempt,
    iif(contradiction, 'internal_error', last.outcome) AS outcome,
    iif(contradiction, 'us', last.fault) AS fault,
    iif(contradiction, 1, last.final) AS final,
    iif(contradiction, 'journal', last.reason) AS reason,
    iif(contradiction, NULL, last.measurement) AS measurement,
    iif(
        contradiction,
        'there are outcomes that cannot both be: ' || (
            SELECT group_concat('attempt ' || verdict.attempt || ' ' || verdict.outcome || ' (fault: ' || verdict.fault || ')', ', ')
            FROM outcome AS verdict
            WHERE verdict.item = last.item AND verdict.outcome <> 'cancelled'
        ),
        last.detail
    ) AS detail,
    last.started,
    last.finished,
    last.worker,
    iif(contradiction, NULL, last.evidence_file) AS evidence_file,
    iif(contradiction, NULL, last.report) AS report
FROM said
    JOIN outcome AS last ON last.rowid = said.entry
    JOIN item ON item.item = last.item
WHERE said.place = 1;
