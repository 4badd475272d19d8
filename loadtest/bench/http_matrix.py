"""The durable cancel under other settings, and by token; the bare Flask view under other server settings.

``python -m loadtest.bench.http_matrix``. Each setting is measured in turns with the Flask view as
:mod:`loadtest.bench.http` runs it; settings run one after the other, so compare their ratios, not their rates. Runs are
few and short: they give an impression of many settings, not a measurement. The cancel by token (JWT) runs under the
default settings.
"""

import importlib.util
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Final

from loadtest.bench.baselines.servers import Server, serve_application
from loadtest.bench.command import Options, run_topics
from loadtest.bench.http_cases import CANCEL, TOKEN_CANCEL, Case
from loadtest.bench.http_ground import LOAD_SHARE, OPEN_S_QUICK, open_venue, tell_setting, warm_up
from loadtest.bench.http_subject import VIEW, Latency, baseline_subject, exchange_subject, latency_figures
from loadtest.bench.results import Figure, Report, take_turns

WORKER_CLASSES: Final = ("hub", "gthread")  # values of SHARDEX_WORKER_CLASS, see web.settings
WORKERS: Final = (1, 2, 3, 4)
THREADS: Final = (4, 16)
REPEATS_MAX: Final = 2


def measure(report: Report, options: Options) -> None:
    """Measure all settings, one after the other."""
    options = Options(quick=True, repeats=min(options.repeats, REPEATS_MAX))
    tell_setting(report)
    with ExitStack() as stack:
        view = serve_application("flask_view")
        stack.callback(view.close)
        for name, server in _views():
            _compare_view(report, options, name, server, view)
        for settings in _settings():
            _compare(report, options, f"http cancel {' '.join(settings.values())}", CANCEL, settings, view)
        _compare(report, options, "http cancel JWT", TOKEN_CANCEL, {}, view)


def _settings() -> Iterator[dict[str, str]]:
    for worker_class in WORKER_CLASSES:
        for workers in WORKERS:
            chosen = {"SHARDEX_WORKER_CLASS": worker_class, "SHARDEX_WORKERS": str(workers)}
            if worker_class == "gthread":
                yield from ({**chosen, "SHARDEX_THREADS": str(threads)} for threads in THREADS)
            else:
                yield chosen


def _compare(report: Report, options: Options, name: str, case: Case, settings: dict[str, str], view: Server) -> None:
    """Peak and part load of one case under one setting, beside the view."""
    with open_venue(report, settings) as venue:
        bare, subject = baseline_subject(report, VIEW, view), exchange_subject(report, venue, case)
        warm_up(options, bare, subject)
        runs = take_turns({VIEW: bare.rate, name: subject.rate}, options.repeats)
        peak = Figure(name, "requests/s", runs[name], VIEW, runs[VIEW])
        report.add([peak])
        report.tell(subject.describe_cpu())
        views: list[Latency] = []
        cancels: list[Latency] = []
        for _ in range(options.repeats):
            views.append(bare.latency(LOAD_SHARE * (peak.baseline_value or 0), OPEN_S_QUICK))
            cancels.append(subject.latency(LOAD_SHARE * peak.value, OPEN_S_QUICK))
        report.add(latency_figures(name, cancels, views))


def _views() -> Iterator[tuple[str, Server]]:
    """The view with one change each; one is closed before the next starts."""
    parsers = ["python", "fast"] if importlib.util.find_spec("gunicorn_h1c") else ["python"]
    changed = [
        *((f"gthread {count} workers", partial(serve_application, "flask_view", workers=count)) for count in WORKERS),
        *((f"{name} parser", partial(serve_application, "flask_view", "--http-parser", name)) for name in parsers),
        ("16 threads", partial(serve_application, "flask_view", "--threads", "16")),
        ("without reuse_port", partial(serve_application, "flask_view", reuse_port=False)),
    ]
    for name, serve in changed:
        server = serve()
        try:
            yield name, server
        finally:
            server.close()


def _compare_view(report: Report, options: Options, name: str, server: Server, view: Server) -> None:
    bare, changed = baseline_subject(report, VIEW, view), baseline_subject(report, name, server)
    warm_up(options, bare, changed)
    runs = take_turns({VIEW: bare.rate, name: changed.rate}, options.repeats)
    report.add([Figure(f"http {VIEW} {name}", "requests/s", runs[name], VIEW, runs[VIEW])])


if __name__ == "__main__":
    run_topics({"matrix": measure}, __doc__)
