"""PyYAML's safe loader without features that plain data do not need: aliases, explicit tags and deep nesting."""

from typing import Any

import yaml

__all__ = ["BROKEN_YAML", "StrictLoader"]

DEEPEST = 50
BROKEN_YAML = (yaml.YAMLError, ValueError, LookupError, AttributeError, TypeError, RecursionError)
"""Errors that PyYAML raises for a text that it cannot read."""


class StrictLoader(yaml.SafeLoader):
    """Refuses aliases, which can grow without bound, tags such as `!!int`, and more than fifty levels."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent):
            raise _refused("an alias; write the value again", event)
        if getattr(event, "tag", None) is not None:
            raise _refused(f"the tag {event.tag!r}; leave it out, and put words in quotes", event)
        if self.depth >= DEEPEST:
            raise _refused(f"more than {DEEPEST} levels, one in another", event)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


def _refused(what: str, event: Any) -> yaml.YAMLError:
    return yaml.composer.ComposerError(None, None, what, event.start_mark)
