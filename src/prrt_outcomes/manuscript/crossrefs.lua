-- Captions with live numbers and live references to them; citations; no links, so that no path of a machine is left.
-- Identifiers: Table1, Figure2, TableS1. A span `ref` or `cite` names its target in data-key.
local docx, typst = FORMAT:match('docx'), FORMAT:match('typst')
local bookmarks = 1000
local alone = false -- the document is one table, whose number counts from no other

local function parts(id) return id:match('^(%a-)(S?)(%d+)$') end
local function words(id) local kind, s, n = parts(id); return kind .. ' ' .. s .. n end
local function openxml(text) return pandoc.RawInline('openxml', text) end
local function field(code, shown)
  return '<w:r><w:fldChar w:fldCharType="begin"/></w:r><w:r><w:instrText xml:space="preserve"> ' .. code ..
    ' </w:instrText></w:r><w:r><w:fldChar w:fldCharType="separate"/></w:r><w:r><w:t>' .. shown ..
    '</w:t></w:r><w:r><w:fldChar w:fldCharType="end"/></w:r>'
end

local function head(x)
  for _, row in ipairs(x.head.rows) do
    for _, cell in ipairs(row.cells) do
      cell.contents = cell.contents:walk{Plain = function(p) p.content = {pandoc.Strong(p.content)}; return p end}
    end
  end
end

-- A table of many columns and its note have pages of their own that lie on their side.
local function turned(d)
  local before, after = pandoc.Blocks{}, pandoc.Blocks{}
  local function section(size)
    return pandoc.RawBlock('openxml', '<w:p><w:pPr><w:sectPr><w:pgSz ' .. size .. '/></w:sectPr></w:pPr></w:p>')
  end
  local set = '#set page(flipped: %s)\n#show table.cell: set text(size: %spt)'
  if docx then
    before:insert(section('w:w="11906" w:h="16838"'))
    after:insert(section('w:w="16838" w:h="11906" w:orient="landscape"'))
  elseif typst then
    before:insert(pandoc.RawBlock('typst', set:format('true', '6.5')))
    after:insert(pandoc.RawBlock('typst', set:format('false', '7.5')))
  end
  return before .. d.content .. after
end

local function caption(x)
  if x.t == 'Table' then head(x) end
  local kind, s, n = parts(x.identifier)
  if not kind then return nil end
  local first = x.caption.long[1]
  if docx then
    bookmarks = bookmarks + 1
    local name = s == '' and kind or kind .. '_S'
    first.content:insert(1, pandoc.Str('. '))
    first.content:insert(1, openxml(string.format(
      '<w:bookmarkStart w:id="%d" w:name="ref_%s"/><w:r><w:t xml:space="preserve">%s %s</w:t></w:r>%s<w:bookmarkEnd w:id="%d"/>',
      bookmarks, x.identifier, kind, s, field('SEQ ' .. name .. ' \\* ARABIC' .. (alone and ' \\r ' .. n or ''), n), bookmarks)))
  end
  return x
end

local function span(s)
  local key = s.attributes.key
  if s.classes:includes('ref') then
    if docx then return openxml(field('REF ref_' .. key .. ' \\h', words(key))) end
    if typst then return pandoc.RawInline('typst', '#ref(<' .. key .. '>)') end
    return pandoc.Str(words(key))
  elseif s.classes:includes('cite') then
    return pandoc.Cite({pandoc.Str(key)}, {pandoc.Citation(key, 'NormalCitation')})
  elseif s.classes:includes('label') then
    return pandoc.Strong(s.content)
  end
end

local function div(d)
  if d.classes:includes('wide') then return turned(d) end
  if d.classes:includes('newpage') then
    if docx then return pandoc.RawBlock('openxml', '<w:p><w:r><w:br w:type="page"/></w:r></w:p>') end
    if typst then return pandoc.RawBlock('typst', '#pagebreak(weak: true)') end
  elseif d.classes:includes('supplement') and typst then
    return pandoc.RawBlock('typst', '#counter(figure.where(kind: table)).update(0)\n' ..
      '#counter(figure.where(kind: image)).update(0)\n#set figure(numbering: n => "S" + str(n))')
  elseif typst and d.attributes['custom-style'] == 'Table Note' then
    d.content:insert(1, pandoc.RawBlock('typst', '#set text(size: 8pt)'))
    return d
  end
end

local function image(i)
  if typst then
    local words = pandoc.utils.stringify(i.caption):gsub('[\\"]', '\\%0')
    return pandoc.RawInline('typst', string.format('#image("%s", width: %s, alt: "%s")',
      i.attributes.drawing or i.src, i.attributes.width, words))
  end
  i.attributes.drawing = nil
  return i
end

-- Words of the paragraphs by their part; the introduction and the supplement do not count.
local function count_words(doc)
  local counts, part = {}, nil
  local names = {abstract = 'abstract', methods = 'text', results = 'text', discussion = 'text'}
  for _, block in ipairs(doc.blocks) do
    if block.t == 'Header' and block.level == 1 then part = names[block.identifier] end
    if part and block.t == 'Para' then
      local _, n = pandoc.utils.stringify(block):gsub('%S+', '')
      counts[part] = (counts[part] or 0) + n
    end
  end
  return doc:walk{Span = function(s)
    if s.classes:includes('words') then return pandoc.Str(tostring(counts[s.attributes.key] or 0)) end
  end}
end

-- Letters that the fonts of LaTeX lack: raised digits and the blank of an indented row.
local raised = {['\u{2070}'] = '0', ['\u{b9}'] = '1', ['\u{b2}'] = '2', ['\u{b3}'] = '3'}
for n = 4, 9 do raised[utf8.char(0x2070 + n)] = tostring(n) end
local signs = {['\u{2003}'] = '\\quad{}', ['\u{2009}'] = '\\,', ['\u{2212}'] = '$-$', ['\u{2265}'] = '$\\ge$', ['\u{2264}'] = '$\\le$'}
local function letters(s)
  local found = pandoc.Inlines{}
  for _, code in utf8.codes(s.text) do
    local c = utf8.char(code)
    if raised[c] then found:insert(pandoc.Superscript(raised[c]))
    elseif signs[c] then found:insert(pandoc.RawInline('latex', signs[c]))
    else found:insert(pandoc.Str(c)) end
  end
  return found
end

local function content(x) return x.content end

function Pandoc(doc)
  alone = #doc.blocks == 2 and doc.blocks[1].t == 'Table'
  doc = count_words(doc:walk{Link = content, Strong = content})
  doc = doc:walk{Figure = caption, Table = caption, Span = span, Div = div, Image = image}
  if FORMAT == 'latex' then doc = doc:walk{Str = letters} end
  doc.meta['link-bibliography'] = false
  if doc.meta.bibliography then doc = pandoc.utils.citeproc(doc) end
  for _, name in ipairs{'bibliography', 'csl', 'link-bibliography'} do doc.meta[name] = nil end
  if typst then
    doc.meta.papersize, doc.meta.fontsize, doc.meta.mainfont = 'a4', '10pt', 'Libertinus Serif'
    doc.meta.margin = {x = '2.2cm', y = '2.4cm'}
  end
  return doc
end
