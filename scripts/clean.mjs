// Removes dist/ before a build, so that a deleted source file cannot live on in it.
import { rmSync } from "node:fs";

rmSync(new URL("../dist", import.meta.url), { recursive: true, force: true });
