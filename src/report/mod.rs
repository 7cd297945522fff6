//! What a person opens: self-contained HTML, JSON, CSV and LaTeX, drawn from plain data.
