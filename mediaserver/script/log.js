// Log, which scripts make for their own messages: those of a level are given to onLog,
// which writes them to the server's log unless a script has another. The value of this
// program is a function of natives that makes the class.
(function () {
"use strict";
const hidden = (o, name, value) => Object.defineProperty(o, name, {value, writable: true, configurable: true, enumerable: false});
const levels = {NONE: -1, BRIEF: 0, VERBOSE: 1, DEBUG: 2};

function Log(level, name) {
  hidden(this, "level", level === undefined || level === null ? levels.BRIEF : Number(level));
  hidden(this, "name", name === undefined || name === null ? "" : String(name));
}
const methods = {
  logInfo(message, level) {
    if ((level === undefined ? levels.BRIEF : Number(level)) > this.level) return;
    this.onLog(this.getDateString() + " [INFO] " + this.name + ": " + message);
  },
  logDebug(message) {
    if (this.level < levels.DEBUG) return;
    this.onLog(this.getDateString() + " [DEBUG] " + this.name + ": " + message);
  },
  getDateString() {
    const now = new Date(), two = (n) => (n < 10 ? "0" : "") + n;
    return now.getMonth() + 1 + "/" + now.getDate() + " " + now.getHours() + ":" + two(now.getMinutes()) + ":" + two(now.getSeconds());
  },
  onLog(message) { trace(message); },
};
for (const name in methods) hidden(Log.prototype, name, methods[name]);
for (const name in levels) hidden(Log, name, levels[name]);
return Log;
})
