/**
 * Writes docs/cli.md, the reference of the command line, from the table of commands.
 *
 * usage: npx jiti scripts/write-cli-docs.ts
 */
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { cliDocument } from "../src/cli/document.js";

writeFileSync(fileURLToPath(new URL("../docs/cli.md", import.meta.url)), cliDocument());
