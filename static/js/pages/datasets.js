// Data Studio's list: uploads.
import "../upload.js";
