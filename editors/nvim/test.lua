-- Drives the language server in Neovim on a project of three files, as a user would: `test.sh` calls it. Prints one
-- line for each thing tried, and ends with a code other than 0 when one fails.

local here = vim.fn.fnamemodify(debug.getinfo(1, "S").source:sub(2), ":p:h")
local project = assert(vim.env.MTL_PROJECT, "the project's folder")

local STUDY = [[
import "films.mtl" { cohort }
import "nets.mtl" { tiny }

param epochs: int = 3

let lesions = cohort |> classify("severity", { malignant: ["M"], benign: ["B"] })
let arms = { short: |> finetune(lesions, epoch: epochs), long: |> finetune(lesions, epochs: 2*epochs) }
let scores = for arm in arms { tiny(classes: 2) |> arm |> evaluate(lesions) }

out study = scores |> report(compare: "arm", baseline: "short")
]]
local FILMS = [[
/// Films of the breast.
let films = table("manifest.csv") |> rgbb |> resize(32)

/// Two folds by patient.
let cohort = films |> split(kfold(2), by: "patient", seed: 7)
]]
local NETS = [[
/// A small net.
net tiny(classes: int = 2) { x |> conv1: conv(8, 3) |> relu |> global_avgpool |> fc: linear(classes) }
]]

local function write(name, text)
  local file = assert(io.open(project .. "/" .. name, "w"))
  file:write(text)
  file:close()
end

local function edit(name)
  vim.cmd("edit " .. vim.fn.fnameescape(project .. "/" .. name))
  return vim.api.nvim_get_current_buf()
end

local function check(right, what)
  if not right then
    error(what, 2)
  end
end

-- Waits until something is so.
local function await(what, ready)
  check(vim.wait(60000, ready, 20), "waited in vain: " .. what)
end

-- Asks the server about the first place of a pattern in a buffer, moved on by some characters.
local function at(buffer, pattern, along)
  for line, text in ipairs(vim.api.nvim_buf_get_lines(buffer, 0, -1, false)) do
    local column = text:find(pattern, 1, true)
    if column then
      return { line = line - 1, character = column - 1 + (along or 0) }
    end
  end
  error("no " .. pattern)
end

local function ask(buffer, method, params)
  params.textDocument = { uri = vim.uri_from_bufnr(buffer) }
  local answers, problem = vim.lsp.buf_request_sync(buffer, method, params, 60000)
  check(answers, method .. ": " .. tostring(problem))
  for _, answer in pairs(answers) do
    check(not answer.error, method .. ": " .. vim.inspect(answer.error))
    return answer.result
  end
end

local function messages(buffer)
  local found = {}
  for _, one in ipairs(vim.diagnostic.get(buffer)) do
    table.insert(found, (one.lnum + 1) .. ": " .. one.message)
  end
  return table.concat(found, "\n")
end

local function text(buffer)
  return table.concat(vim.api.nvim_buf_get_lines(buffer, 0, -1, false), "\n")
end

local function run()
  vim.fn.mkdir(project .. "/.git", "p")
  write("study.mtl", STUDY)
  write("films.mtl", FILMS)
  write("nets.mtl", NETS)
  write("manifest.csv", "image,patient,severity\n" .. "1.png,p1,M\n2.png,p2,B\n3.png,p3,M\n4.png,p4,B\n")
  dofile(here .. "/mtl.lua").setup({ cmd = { assert(vim.env.MTL, "the command"), "lsp" } })
  vim.o.hidden = true

  local study = edit("study.mtl")
  await("the server", function() return #vim.lsp.buf_get_clients(study) > 0 end)
  await("diagnostics", function() return messages(study):find("epoch", 1, true) end)
  check(messages(study):find("did you mean `epochs`?", 1, true), messages(study))
  print("ok diagnostics: " .. messages(study):gsub("\n", " / "))

  local films = edit("films.mtl")
  await("diagnostics of the second file", function() return messages(films):find("rgbb", 1, true) end)
  print("ok diagnostics of a second file")

  local hover = ask(study, "textDocument/hover", { position = at(study, "lesions") })
  check(hover and hover.contents.value:find("Task", 1, true), vim.inspect(hover))
  hover = ask(study, "textDocument/hover", { position = at(study, "finetune") })
  check(hover.contents.value:find("not frozen is trained", 1, true), vim.inspect(hover))
  print("ok hover")

  local place = ask(study, "textDocument/definition", { position = at(study, "tiny(classes") })
  check(place and place.uri:find("nets.mtl", 1, true) and place.range.start.line == 1, vim.inspect(place))
  place = ask(study, "textDocument/definition", { position = at(study, "finetune") })
  check(place and vim.fn.filereadable(vim.uri_to_fname(place.uri)) == 1, vim.inspect(place))
  print("ok definition: " .. vim.fn.fnamemodify(vim.uri_to_fname(place.uri), ":t"))

  local items = ask(study, "textDocument/completion", { position = at(study, "epoch: epochs", 5) })
  local labels = {}
  for _, item in ipairs(items.items or items) do
    labels[item.label] = true
  end
  check(labels["epochs:"], vim.inspect(labels))
  print("ok completion")

  -- The fix that the server proposes, and what it leaves.
  local from = at(study, "epoch: ")
  local actions = ask(study, "textDocument/codeAction", {
    range = { start = from, ["end"] = { line = from.line, character = from.character + 5 } },
    context = { diagnostics = {} },
  })
  check(actions and #actions >= 1 and actions[1].edit, vim.inspect(actions))
  local client = vim.lsp.get_client_by_id(next(vim.lsp.buf_get_clients(study)))
  vim.lsp.util.apply_workspace_edit(actions[1].edit, client.offset_encoding)
  await("the fix", function() return not messages(study):find("did you mean", 1, true) end)
  check(text(study):find("epochs: epochs", 1, true), text(study))
  print("ok fix")

  -- Renaming in two files.
  vim.api.nvim_set_current_buf(films)
  local rename = ask(films, "textDocument/rename", { position = at(films, "cohort ="), newName = "folds" })
  vim.lsp.util.apply_workspace_edit(rename, client.offset_encoding)
  check(text(films):find("let folds =", 1, true), text(films))
  check(text(study):find("{ folds }", 1, true) and text(study):find("folds |> classify", 1, true), text(study))
  print("ok rename in two files")

  -- What is typed is checked as it stands, without saving.
  local place_of = at(films, "rgbb")
  vim.api.nvim_buf_set_text(films, place_of.line, place_of.character, place_of.line, place_of.character + 4, { "rgb" })
  await("no errors are left", function()
    return vim.tbl_isempty(vim.diagnostic.get(films, { severity = vim.diagnostic.severity.ERROR }))
  end)
  print("ok diagnostics as you type")

  local edits = ask(study, "textDocument/formatting", { options = { tabSize = 2, insertSpaces = true } })
  vim.lsp.util.apply_text_edits(edits, study, client.offset_encoding)
  check(text(study):find("2 * epochs", 1, true) and not text(study):find("2*epochs", 1, true), text(study))
  print("ok formatting")

  client.stop()
  await("the server's end", function() return client.is_stopped() end)
  print("ok end")
end

local fine, problem = pcall(run)
if not fine then
  print("FAILED " .. tostring(problem))
end
vim.cmd(fine and "qall!" or "cquit 1")
