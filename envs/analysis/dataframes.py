"""Results as polars frames, and how a notebook shows them. Polars is imported when first asked for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import polars as pl


def frame(rows: Sequence[Mapping[str, Any]], schema: Mapping[str, type]) -> pl.DataFrame:
    """One row for each mapping, with the columns of the schema (`str`, `float`, `int`, `bool`)."""
    import polars as pl

    return pl.DataFrame([[row[name] for name in schema] for row in rows], schema=dict(schema), orient="row")


def html(title: str, shown: pl.DataFrame) -> str:
    """A heading and the whole table."""
    import polars as pl

    with pl.Config(
        tbl_rows=-1, tbl_cols=-1, fmt_str_lengths=500, tbl_hide_dataframe_shape=True, tbl_hide_column_data_types=True
    ):
        return f"<p><b>{escape(title)}</b></p>{shown._repr_html_()}"


def facts(title: str, rows: Sequence[tuple[str, str]]) -> str:
    """A heading, if any, and a table with a name and a text in each row; rows without a text are left out."""
    told = "".join(
        f"<tr><th style='text-align:left'>{escape(name)}</th><td style='text-align:left'>{escape(text)}</td></tr>"
        for name, text in rows
        if text
    )
    heading = f"<p><b>{escape(title)}</b></p>" if title else ""
    return f"{heading}<table>{told}</table>" if told else heading
