"""A prediction service: one model behind HTTP, its body typed by the model's own schema, every prediction logged.

    pip install attrition fastapi uvicorn
    python service.py attrition.model --log predictions.jsonl --port 8000

POST /predict with a JSON object of the features gives probability, label and what had to be repaired; GET /health says whether
the service is up; GET /model says which model answers. The types of the body stand in /docs.
"""

import argparse
import json
import os
import socket
import threading
import time
import uuid
from datetime import datetime
from pathlib import Path
from typing import Any

import attrition
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, create_model

# What the cells of a column are, as types of the body. Strict: "41" is a mistake of the caller, not the number 41.
KINDS: dict[str, Any] = {
    "number": StrictInt | StrictFloat,
    "category": StrictStr,
    "bool": StrictBool,
    "time": datetime,
}


def body_of(schema: attrition.Schema) -> type[BaseModel]:
    """The type of one row. Every field may be absent or null: the model holds a value for every gap."""
    fields = {field["name"]: field for field in schema.fields}
    rows = {}
    for i, name in enumerate(schema.features):
        field = fields[name]
        described = {"examples": field["vocabulary"][:3]} if field.get("vocabulary") else {}
        # Columns may be called anything; the alias is what the caller writes.
        rows[f"f{i}"] = (KINDS[field["kind"]] | None, Field(default=None, alias=name, **described))
    return create_model("Row", __config__=ConfigDict(extra="ignore"), **rows)


class Log:
    """One JSON line a prediction: which model said what about which request, and what it had to repair. No row's values."""

    def __init__(self, path: Path) -> None:
        self.file = path.open("a", encoding="utf-8")
        self.lock = threading.Lock()

    def write(self, line: dict[str, Any]) -> None:
        text = json.dumps(line) + "\n"
        with self.lock:
            self.file.write(text)
            self.file.flush()


def create_app(model: attrition.Model, log: Log) -> FastAPI:
    app = FastAPI(title="attrition")
    digest = model.digest
    Row = body_of(model.schema)

    @app.exception_handler(attrition.SchemaMismatchError)
    def mismatch(request: Request, error: attrition.SchemaMismatchError) -> JSONResponse:
        return JSONResponse(status_code=422, content={"code": error.code, "problems": error.problems})

    # `def`, not `async def`: scored on a worker thread, many requests at once.
    @app.post("/predict")
    def predict(row: Row) -> dict[str, Any]:  # type: ignore[valid-type]
        prediction = model.predict_one(row.model_dump(by_alias=True, exclude_none=True)).to_dict()
        request_id = str(uuid.uuid4())
        log.write(
            {
                "time": time.time(),
                "request_id": request_id,
                "model": digest,
                "proba": prediction["proba"],
                "label": prediction["label"],
                "repaired": {w["column"]: w["kind"] for w in prediction["warnings"]},
            }
        )
        return {"request_id": request_id, **prediction}

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/model")
    def about() -> dict[str, Any]:
        return {
            "digest": digest,
            "learner": model.learner,
            "labels": model.labels,
            "threshold": model.threshold,
            "features": model.schema.features,
            "holdout": model.training["holdout"],
            "attrition_version": model.training["attrition_version"],
        }

    return app


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("--log", type=Path, default=Path("predictions.jsonl"))
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8000, help="0 for any that is free")
    arguments = parser.parse_args()
    app = create_app(attrition.load(arguments.model), Log(arguments.log))
    listener = socket.create_server((arguments.host, arguments.port))
    print(f"http://{arguments.host}:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(uvicorn.Config(app, log_level=os.environ.get("LOG_LEVEL", "warning"))).run(sockets=[listener])


if __name__ == "__main__":
    main()
