// Data Studio's list: uploads, and what is deleted.
import "../delete.js";
import "../upload.js";
