// The list of runs: what is deleted.
import "../delete.js";
