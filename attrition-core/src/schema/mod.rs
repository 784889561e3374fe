//! What each column is: kind, role, vocabulary; inferred with reasons, overridable, checkable against another table.
