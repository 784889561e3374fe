// A service that predicts: the body is checked by a JSON schema that is made from the model's own, and a row is scored in
// microseconds on the event loop, without a queue or a second process.
import Fastify from "fastify";

/** What a field of a row may hold in JSON. A gap is `null`, or a key that is not there. */
const types = {
  number: { type: ["number", "null"] },
  bool: { type: ["boolean", "null"] },
  category: { type: ["string", "number", "boolean", "null"] },
  time: { type: ["string", "null"] },
};

/** The JSON schema of a row. Other keys are let through: the model passes over what is no feature. */
export function rowSchema({ fields }) {
  const features = fields.filter((field) => field.role === "feature");
  return { type: "object", minProperties: 1, properties: Object.fromEntries(features.map(({ name, kind }) => [name, types[kind]])) };
}

/** Serves a model; `maxRows` bounds what one request may ask for. */
export function service(model, { maxRows = 10_000, ...options } = {}) {
  // A value of the wrong kind is the caller's mistake and is told, not turned into another one.
  const app = Fastify({ bodyLimit: 8 * 1024 * 1024, ajv: { customOptions: { allowUnionTypes: true, coerceTypes: false, removeAdditional: false } }, ...options });
  const row = rowSchema(model.schema);
  const { learner, threshold, digest, labels, training } = model;

  app.get("/health", () => ({ status: "ok", digest }));

  app.get("/model", () => ({
    learner,
    threshold,
    digest,
    labels,
    features: model.schema.fields.filter((f) => f.role === "feature").map(({ name, kind, vocabulary }) => ({ name, kind, vocabulary })),
    training: { rows: training.nRows, metric: training.metric, cvScore: training.cvScore, holdoutScore: training.holdoutScore },
  }));

  const answer = {
    type: "object",
    properties: {
      proba: { type: "number" },
      label: {},
      threshold: { type: "number" },
      warnings: {
        type: "array",
        items: { type: "object", properties: { column: { type: "string" }, kind: { type: "string" }, message: { type: "string" } } },
      },
    },
  };
  app.post("/predict", { schema: { body: row, response: { 200: answer } } }, (request) => model.predictOne(request.body));

  const proba = { type: "object", properties: { proba: { type: "number" } } };
  app.post("/proba", { schema: { body: row, response: { 200: proba } } }, (request) => ({ proba: model.probaOne(request.body) }));

  // Many rows are scored on Node's thread pool; a caller who hangs up stops the work.
  const rows = { type: "array", items: row, maxItems: maxRows };
  app.post("/batch", { schema: { body: rows } }, async (request, reply) => {
    const controller = new AbortController();
    reply.raw.once("close", () => controller.abort());
    return { proba: Array.from(await model.predictProba(request.body, { signal: controller.signal })) };
  });

  // The model's errors name the column and what was expected; they hold no row.
  app.setErrorHandler((error, request, reply) => {
    if (error.validation) return reply.code(400).send({ code: "BAD_REQUEST", message: error.message });
    if (error.code === "ATTRITION_SCHEMA_MISMATCH") {
      return reply.code(422).send({ code: error.code, message: error.message, problems: error.problems });
    }
    const status = error.statusCode ?? 500;
    if (status >= 500) request.log.error(error);
    return reply.code(status).send({ code: error.code ?? "INTERNAL", message: status < 500 ? error.message : "internal error" });
  });
  return app;
}
