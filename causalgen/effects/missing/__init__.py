"""Missing values of an effect's table: rows dropped, values imputed, or complete rows weighted."""
