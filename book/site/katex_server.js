// Draws formulas: one JSON object a line in, one a line out.
//   node katex_server.js PATH/TO/katex.min.js
//   {"tex": "a^2", "display": false}  ->  {"html": "..."} or {"error": "..."}
const katex = require(require("node:path").resolve(process.argv[2]));
const slim = require("./katex_slim.js");
const lines = require("node:readline").createInterface({ input: process.stdin });

// What KaTeX tolerates and LaTeX would not is an error here, except letters of other
// alphabets inside \text.
const strict = (code) => (code === "unicodeTextInMathMode" ? "ignore" : "error");

lines.on("line", (line) => {
  const { tex, display } = JSON.parse(line);
  let answer;
  try {
    const options = { displayMode: display, strict };
    answer = { html: slim(katex.__renderToDomTree(tex, options), display) };
  } catch (error) {
    answer = { error: error.message };
  }
  process.stdout.write(JSON.stringify(answer) + "\n");
});
