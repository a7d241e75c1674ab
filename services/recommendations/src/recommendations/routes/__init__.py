"""HTTP: the API under ``/v1/recommendations``. Reads are answered from memory and open no transaction of their own."""
