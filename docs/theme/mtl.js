// Colours for MTL, which the highlighter does not know; marks on wrong programs; links from codes to their pages.
(function () {
  "use strict";

  function mtl() {
    return {
      name: "MTL",
      keywords: {
        keyword: "import as param let fn net out for in if else repeat and or not",
        literal: "true false none",
        type: "int float bool text path duration Dataset Cohort Task Net Model Scores Grid Report Tensor",
      },
      contains: [
        { className: "comment", begin: "//", end: "$" },
        { className: "string", begin: 'r?"', end: '"', contains: [{ begin: "\\\\." }] },
        { className: "meta", begin: "@[a-z_]+" },
        { className: "number", begin: "\\b[0-9][0-9_]*(\\.[0-9]+)?([eE][+-]?[0-9]+)?(%|ms|s|min|h|d)?" },
        { className: "operator", begin: "\\|>|=>|->|\\.\\.=?" },
      ],
    };
  }

  function linkCodes(code) {
    var root = typeof path_to_root === "string" ? path_to_root : "";
    code.querySelectorAll(".hljs-comment").forEach(function (comment) {
      comment.innerHTML = comment.innerHTML.replace(/mtl::[a-z_]+::[a-z_]+/g, function (id) {
        return '<a href="' + root + "errors.html#" + id.replace(/:/g, "") + '">' + id + "</a>";
      });
    });
  }

  if (window.hljs) {
    hljs.registerLanguage("mtl", mtl);
  }
  document.querySelectorAll("pre > code[class*='language-mtl']").forEach(function (code) {
    // A fence "mtl,wrong" gives the classes language-mtl and wrong; "mtl wrong" gives one class with both words.
    ["wrong", "warns"].forEach(function (word) {
      if (code.className.split(/[\s,]+/).indexOf(word) >= 0) {
        code.classList.add("mtl-" + word);
      }
    });
    code.classList.add("language-mtl");
    if (!window.hljs) {
      return;
    }
    var plain = code.textContent;
    code.textContent = plain;
    (hljs.highlightElement || hljs.highlightBlock).call(hljs, code);
    linkCodes(code);
  });
})();
