/// A table with one heading a row, which may be scrolled by keyboard where it is wider than the page.
struct Table {
  struct Column {
    let title: String
    var isText = false
  }

  let id: String
  let caption: String
  let columns: [Column]
  /// The first cell of each row is its heading.
  let rows: [[Markup]]

  var markup: Markup {
    let head = columns.map { column -> Markup in
      column.isText ? "<th scope=\"col\" class=\"t\">\(column.title)</th>" : "<th scope=\"col\">\(column.title)</th>"
    }
    let body = rows.map { row -> Markup in
      let cells = zip(row, columns).enumerated().map { index, cell -> Markup in
        let (content, column) = cell
        if index == 0 {
          return column.isText ? "<th scope=\"row\" class=\"t\">\(content)</th>" : "<th scope=\"row\">\(content)</th>"
        }
        return column.isText ? "<td class=\"t\">\(content)</td>" : "<td>\(content)</td>"
      }
      return "<tr>\(cells.joined(""))</tr>"
    }
    return """
      <div class="scroll" role="region" aria-labelledby="\(id)-c" tabindex="0">
      <table id="\(id)"><caption id="\(id)-c">\(caption)</caption>
      <thead><tr>\(head.joined(""))</tr></thead>
      <tbody>
      \(body.joined())
      </tbody></table></div>
      """
  }
}
