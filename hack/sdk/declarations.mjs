// declarations.mjs FOLDER: makes one declaration file of those that TypeScript has written, on standard output. Each is a module of
// its own; together they are one, which exports what index.d.ts does, and nothing else.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = process.argv[2];
const read = (name) => readFileSync(join(folder, name), "utf8");
const exported = [...read("index.d.ts").matchAll(/export \{([^}]*)\} from/g)].flatMap((m) => m[1].split(",").map((n) => n.trim()).filter(Boolean));
const bodies = readdirSync(folder)
  .filter((name) => name.endsWith(".d.ts") && name !== "index.d.ts")
  .sort()
  .map((name) =>
    read(name)
      .replace(/^import [^;]*;\n/gm, "")
      .replace(/^export \{[^}]*\};\n/gm, "")
      .replace(/^export (?=declare|interface|type|class|abstract)/gm, "")
      .trim(),
  );
const text = ["/** @flashpod/client: written from mediaserver/web/sdk/src. */", ...bodies, `export { ${exported.join(", ")} };`].join("\n\n") + "\n";
const names = [...text.matchAll(/^(?:declare |abstract )*(?:const|function|class|interface|type) (\w+)/gm)].map((m) => m[1]);
const twice = names.filter((n, i) => names.indexOf(n) !== i);
if (twice.length > 0) throw new Error(`declared in two files: ${twice.join(", ")}`);
process.stdout.write(text);
