// Loaded last: every component is registered by now.
import Alpine from "../vendor/alpine.js";

Alpine.start();
document.documentElement.dataset.ready = "true";
