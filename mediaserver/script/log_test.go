package script_test

import "testing"

func TestLog(t *testing.T) {
	runAll(t, []scenario{
		{
			name: "levels and onLog",
			script: `Log.prototype.getDateString = function () { return "now" }; var l = new Log(Log.VERBOSE, "mine"), b = new Log();
				l.logInfo("a"); l.logInfo("b", Log.VERBOSE); l.logInfo("c", Log.DEBUG); l.logDebug("d"); b.logInfo("e", Log.VERBOSE);
				l.onLog = function (m) { trace("on " + m) }; l.logInfo("f")`,
			want: `now [INFO] mine: a
				now [INFO] mine: b
				on now [INFO] mine: f`,
		},
		{
			name:   "SOAP is left out",
			script: `try { new WebService("http://x/?wsdl") } catch (e) { trace(e.message) }`,
			want:   `WebService and SOAP are not here: ask the service by LoadVars or XML, or by NetConnection and Flash Remoting`,
		},
	})
}
