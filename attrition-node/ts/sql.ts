import { type CallOptions, enter } from "./call";
import { native } from "./native";
import { Table } from "./table";

/**
 * Reads the rows of a query, or of a table by its bare name, from SQLite or PostgreSQL.
 *
 * `url` is `sqlite:///file.db`, `sqlite:////absolute/file.db` or
 * `postgresql://user:password@host:port/database?sslmode=verify-full&sslrootcert=ca.pem`; the password may stand in the
 * environment's PGPASSWORD instead. Nothing is ever written: the query is one that only reads. Errors show no password.
 */
export async function readSql(query: string, url: string, options: CallOptions = {}): Promise<Table> {
  return new Table(await enter(options, (call) => native.readSql(query, url, call)));
}
