package manifest

import (
	"slices"
	"strings"
)

const head = "apiVersion: media.flashpod.dev/v1alpha1\nkind: AppInstance\n"

// verdict is a manifest with what both a server without Kubernetes and the API
// server must say of it.
type verdict struct {
	name, text   string
	why, cluster string // parts of the errors; empty: it is good
}

// cases feed the tests of both sides, and the fuzzer.
func cases() []verdict {
	return slices.Concat(mediaCases, serviceCases, webCases(), podCases(), scriptCases(), edgesCases())
}

// mediaCases are about the document, and what the media server reads of it.
var mediaCases = []verdict{
	{"least", "metadata: {name: a}\nspec: {application: live}", "", ""},
	{"full", `metadata: {name: full, labels: {x: z}}
spec:
  application: chatRoom
  instance: lobby/one
  suspend: true
  recording: {mode: All, maxTotalSize: 18Gi, maxFiles: 100000}
  storage: {size: 20Gi, storageClassName: fast, retain: false}
  access: {publish: {mode: Key, secretName: mine}}
  limits: {maxConnections: 10, maxStreams: 0, maxConnectionsPerAddress: 5, sharedAddresses: [192.0.2.7, "2001:db8::/32"], maxMessageSize: 65536, maxSharedObjects: 0, maxSharedObjectSlots: 5, maxSharedObjectSize: 4096, maxSharedObjectsTotalSize: 0, maxSlotSize: 1024}
  delivery: {latency: Low, gopCache: false, sampleAccess: {audio: true, video: true}}
  script: {configMap: {name: chat, items: [{key: main.asc, path: main.asc}, {key: lib, path: lib/users.asc}]}, allowedHosts: [backend.example.com, "192.0.2.7:8080", "[2001:db8::7]:80"], limits: {memory: 32Mi, callTimeout: 500ms}, reload: Drain}
  service: {type: NodePort, port: 1936, annotations: {a: b}, externalTrafficPolicy: Cluster}
  web: {hostname: live.example.com, ingressClassName: nginx, tls: {secretName: live-tls}, port: 8080, allowedOrigins: [https://example.org, "http://localhost:3000"]}
  image: x/y:z
  resources: {requests: {cpu: 1}}
  nodeSelector: {a: b}
  tolerations: [{operator: Exists}]
`, "", ""},
	{"default instance", "metadata: {name: b}\nspec: {application: live, instance: _definst_}", "", ""},
	{"no application", "metadata: {name: a}\nspec: {}", "spec.application: Required value: must not be empty", "spec.application: Required value"},
	{"no spec", "metadata: {name: a}", "spec.application: Required value", "spec: Required value"},
	{"empty application", "metadata: {name: a}\nspec: {application: ''}", "spec.application: Required value: must not be empty", "spec.application: Invalid value"},
	{"application with a slash", "metadata: {name: a}\nspec: {application: a/b}", "spec.application: Invalid value: \"a/b\": must be of letters", "must be of letters, digits, '_', '-' and '.', and not begin with a dot"},
	{"application that leaves the folder", "metadata: {name: a}\nspec: {application: ..}", "not begin with a dot", "not begin with a dot"},
	{"long application", "metadata: {name: a}\nspec: {application: " + strings.Repeat("x", 65) + "}", "spec.application: Too long", "spec.application: Too long"},
	{"instance that leaves the folder", "metadata: {name: a}\nspec: {application: a, instance: b/../c}", "spec.instance: Invalid value", "none of which begins with a dot"},
	{"instance with an empty part", "metadata: {name: a}\nspec: {application: a, instance: b//c}", "spec.instance: Invalid value", "separated by '/'"},
	{"unknown field", "metadata: {name: a}\nspec: {application: a, recordings: {mode: All}}", `unknown field "spec.recordings"`, `unknown field "spec.recordings"`},
	{"unknown field inside", "metadata: {name: a}\nspec: {application: a, recording: {modus: All}}", `unknown field "spec.recording.modus"`, `unknown field "spec.recording.modus"`},
	{"unknown mode", "metadata: {name: a}\nspec: {application: a, recording: {mode: Sometimes}}", "spec.recording.mode: Unsupported value: \"Sometimes\": supported values: \"OnRequest\", \"All\", \"Off\"", "spec.recording.mode: Unsupported value"},
	{"unknown access", "metadata: {name: a}\nspec: {application: a, access: {publish: {mode: Nobody}}}", "spec.access.publish.mode: Unsupported value", "spec.access.publish.mode: Unsupported value"},
	{"secret without key", "metadata: {name: a}\nspec: {application: a, access: {publish: {mode: Anyone, secretName: s}}}", "secretName needs mode Key", "secretName needs mode Key"},
	{"unknown latency", "metadata: {name: a}\nspec: {application: a, delivery: {latency: None}}", "spec.delivery.latency: Unsupported value", "spec.delivery.latency: Unsupported value"},
	{"recordings that take less than nothing", "metadata: {name: a}\nspec: {application: a, recording: {maxTotalSize: \"-1\"}}", "spec.recording.maxTotalSize: Invalid value", "spec.recording.maxTotalSize: Invalid value"},
	{"recordings that take next to nothing", "metadata: {name: a}\nspec: {application: a, recording: {maxTotalSize: 10m}}", "spec.recording.maxTotalSize: Invalid value", "spec.recording.maxTotalSize: Invalid value"},
	{"negative number of files", "metadata: {name: a}\nspec: {application: a, recording: {maxFiles: -1}}", "spec.recording.maxFiles: Invalid value", "spec.recording.maxFiles: Invalid value"},
	{"recordings that take a word", "metadata: {name: a}\nspec: {application: a, recording: {maxTotalSize: 18GB}}", `spec.recording.maxTotalSize: "18GB": must be a quantity`, `spec.recording.maxTotalSize: Invalid value: "18GB": must be a quantity: a number, with a unit or without, such as 10Gi or 10G`},
	{"recordings without a quota", "metadata: {name: a}\nspec: {application: a, recording: {maxTotalSize: 0, maxFiles: 0}}", "", ""},
	{"negative limit", "metadata: {name: a}\nspec: {application: a, limits: {maxConnections: -1}}", "spec.limits.maxConnections: Invalid value", "spec.limits.maxConnections: Invalid value"},
	{"on-demand instances", "metadata: {name: a}\nspec: {application: a, onDemandInstances: true, idle: {unloadAfter: 1h30m}, limits: {maxInstances: 0}}", "", ""},
	{"on-demand instances by a word", "metadata: {name: a}\nspec: {application: a, onDemandInstances: 'true'}", "onDemandInstances", "onDemandInstances"},
	{"negative number of instances", "metadata: {name: a}\nspec: {application: a, limits: {maxInstances: -1}}", "spec.limits.maxInstances: Invalid value", "spec.limits.maxInstances: Invalid value"},
	{"unloaded at once", "metadata: {name: a}\nspec: {application: a, idle: {unloadAfter: 0s}}", "spec.idle.unloadAfter: Invalid value: \"0s\": must be a time of more than 0", "spec.idle.unloadAfter: Invalid value: \"0s\": must be a time of more than 0"},
	{"unloaded at nought", "metadata: {name: a}\nspec: {application: a, idle: {unloadAfter: '0'}}", "spec.idle.unloadAfter: \"0\": must be a time of more than 0", "spec.idle.unloadAfter: Invalid value: \"0\": must be a time of more than 0"},
	{"unloaded before", "metadata: {name: a}\nspec: {application: a, idle: {unloadAfter: -1m}}", "spec.idle.unloadAfter: \"-1m\": must be a time of more than 0", "spec.idle.unloadAfter: Invalid value: \"-1m\": must be a time of more than 0"},
	{"unloaded after days", "metadata: {name: a}\nspec: {application: a, idle: {unloadAfter: 1d}}", "spec.idle.unloadAfter: \"1d\": must be a time of more than 0", "must be a time of more than 0"},
	{"negative limit of an address", "metadata: {name: a}\nspec: {application: a, limits: {maxConnectionsPerAddress: -1}}", "spec.limits.maxConnectionsPerAddress: Invalid value", "spec.limits.maxConnectionsPerAddress: Invalid value"},
	{"messages too small", "metadata: {name: a}\nspec: {application: a, limits: {maxMessageSize: 1024}}", "spec.limits.maxMessageSize: Invalid value", "spec.limits.maxMessageSize: Invalid value"},
	{"slots too large", "metadata: {name: a}\nspec: {application: a, limits: {maxSlotSize: 524289}}", "spec.limits.maxSlotSize: Invalid value", "spec.limits.maxSlotSize: Invalid value"},
	{"shared objects too small", "metadata: {name: a}\nspec: {application: a, limits: {maxSharedObjectSize: 10}}", "spec.limits.maxSharedObjectSize: Invalid value", "spec.limits.maxSharedObjectSize: Invalid value"},
	{"shared objects below none", "metadata: {name: a}\nspec: {application: a, limits: {maxSharedObjects: -1}}", "spec.limits.maxSharedObjects: Invalid value", "spec.limits.maxSharedObjects: Invalid value"},
	{"shared objects that take next to nothing", "metadata: {name: a}\nspec: {application: a, limits: {maxSharedObjectsTotalSize: 10m}}", "spec.limits.maxSharedObjectsTotalSize: Invalid value", "spec.limits.maxSharedObjectsTotalSize: Invalid value"},
	{"shared objects that take a word", "metadata: {name: a}\nspec: {application: a, limits: {maxSharedObjectsTotalSize: 1GB}}", `spec.limits.maxSharedObjectsTotalSize: "1GB": must be a quantity`, `spec.limits.maxSharedObjectsTotalSize: Invalid value: "1GB": must be a quantity: a number, with a unit or without, such as 10Gi or 10G`},
	{"messages too large", "metadata: {name: a}\nspec: {application: a, limits: {maxMessageSize: 8388609}}", "spec.limits.maxMessageSize: Invalid value", "spec.limits.maxMessageSize: Invalid value"},
	{"an address that is none", "metadata: {name: a}\nspec: {application: a, limits: {sharedAddresses: [proxy.example.com]}}", "spec.limits.sharedAddresses[0]: Invalid value", "spec.limits.sharedAddresses[0]: Invalid value"},
	{"an address twice", "metadata: {name: a}\nspec: {application: a, limits: {sharedAddresses: [192.0.2.7, 192.0.2.7]}}", "spec.limits.sharedAddresses[1]: Duplicate value", "spec.limits.sharedAddresses[1]: Duplicate value"},
	{"text for a number", "metadata: {name: a}\nspec: {application: a, limits: {maxConnections: many}}", "spec.limits.maxConnections: is of type string", "spec.limits.maxConnections"},
	{"bare Off", "metadata: {name: a}\nspec: {application: a, recording: {mode: Off}}", "spec.recording.mode: is true or false, and should be text", "spec.recording.mode: Invalid value: \"boolean\""},
	{"quoted Off", "metadata: {name: c}\nspec: {application: a, recording: {mode: 'Off'}}", "", ""},
	{"list for an object", "metadata: {name: a}\nspec: {application: a, recording: [All]}", "recording", "spec.recording"},
	{"name with a dot", "metadata: {name: a.b}\nspec: {application: a}", "metadata.name: Invalid value", "a Service is called by it"},
	{"long name", "metadata: {name: " + strings.Repeat("n", 53) + "}\nspec: {application: a}", "metadata.name: Too long", "not be longer than 52"},
	{"no name", "spec: {application: a}", "metadata.name: Required value", "name or generateName is required"},
	{"limit that is no int32", "metadata: {name: a}\nspec: {application: a, limits: {maxStreams: 3000000000}}", "spec.limits.maxStreams: must be a whole number", "spec.limits.maxStreams: Invalid value: 3000000000"},
	{"name of another's Service of plain HTTP", "metadata: {name: lobby-http}\nspec: {application: a}", "", "metadata.name: Invalid value: must not end with '-origin', '-http' or '-webrtc'"},
	{"name of another's Service of WebRTC", "metadata: {name: lobby-webrtc}\nspec: {application: a}", "", "metadata.name: Invalid value: must not end with '-origin', '-http' or '-webrtc'"},
	{"name of another's headless Service", "metadata: {name: lobby-origin}\nspec: {application: a}", "", "metadata.name: Invalid value: must not end with '-origin'"},
	{"name that ends with a dash", "metadata: {name: a-}\nspec: {application: a}", "metadata.name: Invalid value", "metadata.name: Invalid value"},
	{"upgrade policy", "metadata: {name: a}\nspec: {application: a, upgradePolicy: Never}", "spec.upgradePolicy: Unsupported value", "spec.upgradePolicy: Unsupported value"},
	{"network policy", "metadata: {name: a}\nspec: {application: a, networkPolicy: {mode: 'Off'}}", "spec.networkPolicy.mode: Unsupported value", "spec.networkPolicy.mode: Unsupported value"},
	{"key Secret", "metadata: {name: a}\nspec: {application: a, access: {publish: {secretName: My_Key}}}", `spec.access.publish.secretName: Invalid value: "My_Key": must be the name of a Secret`, `spec.access.publish.secretName: Invalid value: "My_Key": must be the name of a Secret`},
	{"no key Secret", "metadata: {name: a}\nspec: {application: a, access: {publish: {secretName: ''}}}", "", ""},
	{"previous key", "metadata: {name: a}\nspec: {application: a, access: {publish: {previousKeyFor: 1h30m}}}", "", ""},
	{"previous key in parts of a second", "metadata: {name: a}\nspec: {application: a, access: {publish: {previousKeyFor: 1.5µs}}}", "", ""},
	{"play with the key", "metadata: {name: a}\nspec: {application: a, access: {play: {mode: Key}}}", "", ""},
	{"play by the script", "metadata: {name: a}\nspec: {application: a, access: {publish: {mode: Anyone}, play: {mode: Script}}}", "", ""},
	{"play for nobody", "metadata: {name: a}\nspec: {application: a, access: {publish: {mode: Anyone}, play: {mode: Nobody}}}", "", ""},
	{"play for some", "metadata: {name: a}\nspec: {application: a, access: {play: {mode: Some}}}", "spec.access.play.mode: Unsupported value", "spec.access.play.mode: Unsupported value"},
	{"play with a key that is none", "metadata: {name: a}\nspec: {application: a, access: {publish: {mode: Anyone}, play: {mode: Key}}}", "spec.access.play.mode: Forbidden: mode Key needs publish.mode Key", "mode Key needs publish.mode Key"},
	{"take over", "metadata: {name: a}\nspec: {application: a, access: {publish: {takeOver: Always}}}", "", ""},
	{"take over sometimes", "metadata: {name: a}\nspec: {application: a, access: {publish: {takeOver: Sometimes}}}", "spec.access.publish.takeOver: Unsupported value", "spec.access.publish.takeOver: Unsupported value"},
	{"previous key at once", "metadata: {name: a}\nspec: {application: a, access: {publish: {previousKeyFor: '0'}}}", "", ""},
	{"previous key without keys", "metadata: {name: a}\nspec: {application: a, access: {publish: {mode: Anyone, previousKeyFor: 0s}}}", "", ""},
	{"previous key in days", "metadata: {name: a}\nspec: {application: a, access: {publish: {previousKeyFor: 1d}}}", `spec.access.publish.previousKeyFor: "1d": must be a time of 0 or more in hours, minutes and seconds, such as 1h, 1h30m or 0s; a day is 24h`, `spec.access.publish.previousKeyFor: Invalid value: "1d": must be a time of 0 or more`},
	{"previous key before", "metadata: {name: a}\nspec: {application: a, access: {publish: {previousKeyFor: -1h}}}", "spec.access.publish.previousKeyFor: \"-1h\": must be a time of 0 or more", `spec.access.publish.previousKeyFor: Invalid value: "-1h": must be a time of 0 or more`},
	{"previous key longer than Go can count", "metadata: {name: a}\nspec: {application: a, access: {publish: {previousKeyFor: 99999999h}}}", "must be a time of 0 or more", "must be a time of 0 or more"},
}
