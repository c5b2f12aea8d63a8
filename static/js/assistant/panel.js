// The tab “Assistant” of a data set: asks who answers when it is opened.
import { whenOpened } from "../dataset/info.js";
import "./cleaning.js";
import "./ideas.js";
import "./code.js";
import "./sent.js";
import { assistantStatus } from "./status.js";

whenOpened("assistant", () => assistantStatus());
