"""The description as a page. It needs nothing from elsewhere: no script, no font, no picture."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any

from homefeed.api.openapi_schemas import Json

DOCS_POLICY = "default-src 'none'; style-src 'unsafe-inline'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: #222; background: #fff }
h1 { font-size: 1.6rem }
h2 { font-size: 1.15rem; margin: 2.2rem 0 .4rem; border-top: 1px solid #ddd; padding-top: 1.2rem }
code { font: .92em ui-monospace, monospace; background: #f3f3f3; padding: .1em .3em; border-radius: 3px; overflow-wrap: anywhere }
table { border-collapse: collapse; width: 100%; margin: .6rem 0 }
th, td { text-align: left; vertical-align: top; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #eee }
th { font-weight: 600; white-space: nowrap }
@media (prefers-color-scheme: dark) {
  body { color: #ddd; background: #181818 } code { background: #2a2a2a } h2, th, td { border-color: #333 } a { color: #8bf }
}
"""


def docs_page(description: Json) -> str:
    """HTML of an OpenAPI description (``openapi``)."""
    info = description["info"]
    body = "".join(_operation(path, methods["get"], description) for path, methods in description["paths"].items())
    schemas = "".join(_schema(name, schema) for name, schema in description["components"]["schemas"].items())
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])}: HTTP API</title><style>{_STYLE}</style></head><body>"
        f'<h1>{escape(info["title"])}: HTTP API</h1><p>{escape(info["summary"])}. For programs: <a href="openapi.json">openapi.json</a>.</p>'
        f"{body}{schemas}</body></html>\n"
    )


def _operation(path: str, operation: Json, description: Json) -> str:
    lock = " Needs <code>Authorization: Bearer &lt;token&gt;</code>." if operation.get("security") else ""
    parameters = [_parameter(_resolved(parameter, description)) for parameter in operation["parameters"]]
    answers = [[f"<code>{status}</code>", *_answer(_resolved(answer, description))] for status, answer in sorted(operation["responses"].items())]
    return (
        f'<section><h2 id="{escape(operation["operationId"])}"><code>GET {escape(path)}</code></h2><p>{escape(operation["summary"])}.{lock}</p>'
        f"{_table(('parameter', 'where', 'allowed', 'what'), parameters)}{_table(('status', 'body', 'when'), answers)}</section>"
    )


def _parameter(parameter: Json) -> list[str]:
    return [f"<code>{escape(parameter['name'])}</code>", parameter["in"], _allowed(parameter["schema"]), escape(_what(parameter))]


def _answer(answer: Json) -> list[str]:
    kinds = [_kind(content_type, content["schema"]) for content_type, content in answer.get("content", {}).items()]
    return [", ".join(kinds) or "none", escape(answer["description"])]


def _kind(content_type: str, schema: Json) -> str:
    name = schema.get("$ref", "").rpartition("/")[2]
    return f'<a href="#schema-{escape(name)}">{escape(name)}</a>' if name else escape(content_type)


def _schema(name: str, schema: Json) -> str:
    return f'<section><h2 id="schema-{escape(name)}">{escape(name)}</h2>{_table(("field", "type", "what"), list(_fields(schema)))}</section>'


def _fields(schema: Json, prefix: str = "") -> Iterator[list[str]]:
    for name, field in schema.get("properties", {}).items():
        yield [f"<code>{escape(prefix + name)}</code>", _allowed(field), escape(field.get("description", ""))]
        yield from _fields(field, f"{prefix}{name}.")
        yield from _fields(field.get("items", {}), f"{prefix}{name}[].")


def _allowed(schema: Json) -> str:
    kind: Any = schema.get("type", "")
    text = " or ".join(kind) if isinstance(kind, list) else str(kind)
    if "enum" in schema:
        text = "one of " + ", ".join(f"<code>{escape(str(value))}</code>" for value in schema["enum"])
    elif "const" in schema:
        text = f"<code>{escape(str(schema['const']).lower() if isinstance(schema['const'], bool) else schema['const'])}</code>"
    elif kind == "integer" and "maximum" in schema:
        text = f"{schema['minimum']} to {schema['maximum']}" + (f", default {schema['default']}" if "default" in schema else "")
    return text


def _what(parameter: Json) -> str:
    return str(parameter.get("description") or parameter["schema"].get("description", ""))


def _resolved(part: Json, description: Json) -> Json:
    """``part``, or what it refers to."""
    reference = part.get("$ref")
    if not reference:
        return part
    found = description
    for name in reference.split("/")[1:]:
        found = found[name]
    return found


def _table(head: tuple[str, ...], rows: list[list[str]]) -> str:
    """Cells are HTML already."""
    if not rows:
        return ""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    return f"<table><tr>{top}</tr>{''.join('<tr>' + ''.join(f'<td>{cell}</td>' for cell in row) + '</tr>' for row in rows)}</table>"
