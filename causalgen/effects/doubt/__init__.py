"""How far to doubt an estimate: refuters, sensitivity, overlap and balance, negative controls, implied independencies."""
