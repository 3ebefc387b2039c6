"""The assumption under which missing values are inferred."""

__all__ = ["AT_RANDOM"]

AT_RANDOM = (
    "This assumes values missing at random: whether one is missing may depend on the known attributes of its row, but given "
    "these not on the missing value itself. The data cannot show whether that holds; ask how the values went missing."
)
