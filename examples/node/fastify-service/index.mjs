// Serves a model file until it is told to stop.
//
//   node index.mjs [attrition.model] [port]
//   curl localhost:3000/predict -H 'content-type: application/json' -d '{"Age": 29, "OverTime": "Yes"}'
import { Model } from "attrition";
import { service } from "./service.mjs";

const [path = "attrition.model", port = "3000"] = process.argv.slice(2);
const app = service(Model.loadSync(path));
console.log(`listening on ${await app.listen({ port: Number(port), host: "127.0.0.1" })}`);
// Requests at work are answered before the process ends.
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => app.close());
