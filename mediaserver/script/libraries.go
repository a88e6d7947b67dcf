package script

// libraries define what scripts see, in this order, in a runtime that has the
// dialect's prelude and nothing of the script's yet.
var libraries = []func(*world) error{
	defineGlobals,
	defineClient,
	defineApplication,
	definePlay,
	defineStream,
	defineLoadVars,
	defineXML,
	defineXMLSocket,
	defineNetConnection,
	defineNetStream,
	defineNetServices,
	defineSharedObject,
	defineFile,
	defineLog,
	defineWebService,
}
