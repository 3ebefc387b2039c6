"""The command line. Nothing heavy is imported before a command runs."""

__all__ = ["main"]


def main() -> None:
    """Run the command line."""
    from .signals import ignore_signals, stop_on_signals
    from .threads import wait_asleep

    stop_on_signals()
    wait_asleep()
    from .app import app

    try:
        app(prog_name="causalgen")
    finally:
        ignore_signals()
