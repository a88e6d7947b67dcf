package script

// fmsClass is what a class of Flash Media Server's has: methods of its instances, own
// properties of the class itself (or of the object, where it is one), and those of its
// instances that nothing else is called by.
type fmsClass struct{ methods, own, distinct []string }

// fmsClasses are what server-side scripts had, by their global names, up to Adobe Media
// Server 5 [Server-Side ActionScript Language Reference]. A folder's check holds what
// this runtime has against it.
var fmsClasses = map[string]fmsClass{
	"application": {own: []string{
		"acceptConnection", "broadcastMsg", "clearSharedObjects", "clearStreams", "denyPeerLookup", "disconnect", "gc", "getStats",
		"redirectConnection", "registerClass", "registerProxy", "rejectConnection", "sendPeerRedirect", "shutdown",
		"allowDebug", "clients", "config", "hostname", "name", "server",
	}},
	"Client": {
		methods:  []string{"call", "checkBandwidth", "getBandwidthLimit", "getStats", "getStreamLength", "introducePeer", "ping", "setBandwidthLimit"},
		distinct: nil,
	},
	"Stream": {
		methods: []string{
			"clear", "flush", "getOnMetaData", "play", "record", "send", "setBufferTime", "setVirtualPath", "length",
		},
		own: []string{"destroy", "get", "length", "size"},
	},
	"SharedObject": {
		methods: []string{
			"clear", "close", "flush", "getProperty", "getPropertyNames", "handlerName", "lock", "mark", "purge", "send", "setProperty", "size", "unlock",
		},
		own: []string{"commit", "get"},
	},
	"NetConnection": {methods: []string{"addHeader", "call", "close", "connect"}},
	"NetStream": {methods: []string{
		"attach", "attachAudio", "attachVideo", "close", "play", "publish", "send", "setIFrame",
	}},
	"LoadVars":    {methods: []string{"addRequestHeader", "decode", "getBytesLoaded", "getBytesTotal", "load", "send", "sendAndLoad", "toString"}},
	"XML":         {methods: []string{"addRequestHeader", "appendChild", "cloneNode", "createElement", "createTextNode", "getBytesLoaded", "getBytesTotal", "getNamespaceForPrefix", "getPrefixForNamespace", "hasChildNodes", "insertBefore", "load", "parseXML", "removeNode", "send", "sendAndLoad"}},
	"XMLNode":     {methods: []string{"appendChild", "cloneNode", "hasChildNodes", "insertBefore", "removeNode"}},
	"XMLSocket":   {methods: []string{"close", "connect", "send"}},
	"File":        {methods: []string{"close", "copyTo", "eof", "flush", "list", "mkdir", "open", "read", "readAll", "readByte", "readln", "remove", "renameTo", "seek", "toString", "write", "writeAll", "writeByte", "writeln"}},
	"Log":         {},
	"ByteArray":   {methods: []string{"clear", "compress", "inflate", "deflate", "readBoolean", "readByte", "readBytes", "readDouble", "readFloat", "readInt", "readMultiByte", "readObject", "readShort", "readUnsignedByte", "readUnsignedInt", "readUnsignedShort", "readUTF", "readUTFBytes", "uncompress", "writeBoolean", "writeByte", "writeBytes", "writeDouble", "writeFloat", "writeInt", "writeMultiByte", "writeObject", "writeShort", "writeUnsignedInt", "writeUTF", "writeUTFBytes"}},
	"NetServices": {},

	"GroupSpecifier": {distinct: []string{"groupspecWithAuthorizations", "groupspecWithoutAuthorizations", "multicastEnabled", "objectReplicationEnabled", "peerToPeerDisabled", "postingEnabled", "routingEnabled", "setPostingPassword", "setPublishPassword"}},
	"GroupControl":   {},
	"NetGroup":       {distinct: []string{"addHaveObjects", "addMemberHint", "addWantObjects", "convertPeerIDToGroupAddress", "denyRequestedObject", "sendToAllNeighbors", "sendToNearest", "sendToNeighbor", "writeRequestedObject"}},
	"ProxyStream":    {distinct: []string{"proxyFrom"}},
	"SOAPCall":       {},
	"SOAPFault":      {},
	"WebService":     {},
	"XMLStreams":     {},

	"clearInterval": {}, "getGlobal": {}, "load": {}, "protectObject": {}, "setAttributes": {}, "setInterval": {}, "trace": {},
}
