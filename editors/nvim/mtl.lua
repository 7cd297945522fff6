-- The language server of MTL in Neovim's built-in client, 0.7 or newer. Load it from the configuration:
--
--     dofile("/path/to/editors/nvim/mtl.lua").setup()
--
-- `setup({ cmd = { "/path/to/mtl", "lsp" } })` names another command; `on_attach` and `capabilities` are handed on.

local M = {}

-- The folder of the project: the nearest one above the file that holds a `.git`, else the file's own.
local function root(file)
  local folder = vim.fn.fnamemodify(file, ":p:h")
  local above = folder
  while true do
    if vim.fn.isdirectory(above .. "/.git") == 1 then
      return above
    end
    local next = vim.fn.fnamemodify(above, ":h")
    if next == above then
      return folder
    end
    above = next
  end
end

function M.setup(options)
  options = options or {}
  local clients = {}
  local function attach(buffer)
    local name = vim.api.nvim_buf_get_name(buffer)
    if name == "" then
      return
    end
    local folder = root(name)
    clients[folder] = clients[folder]
      or vim.lsp.start_client({
        name = "mtl",
        cmd = options.cmd or { "mtl", "lsp" },
        root_dir = folder,
        workspace_folders = { { uri = vim.uri_from_fname(folder), name = folder } },
        on_attach = options.on_attach,
        capabilities = options.capabilities,
        on_exit = function()
          clients[folder] = nil
        end,
      })
    if clients[folder] then
      vim.lsp.buf_attach_client(buffer, clients[folder])
    end
  end
  local group = vim.api.nvim_create_augroup("mtl", { clear = true })
  vim.api.nvim_create_autocmd({ "BufRead", "BufNewFile" }, {
    group = group,
    pattern = "*.mtl",
    callback = function(event)
      vim.bo[event.buf].filetype = "mtl"
      vim.bo[event.buf].commentstring = "// %s"
      vim.bo[event.buf].expandtab = true
      vim.bo[event.buf].shiftwidth = 2
      vim.bo[event.buf].omnifunc = "v:lua.vim.lsp.omnifunc"
      attach(event.buf)
    end,
  })
end

return M
