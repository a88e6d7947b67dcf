package manifest

import "strings"

// scriptCases are about spec.script.
func scriptCases() (all []verdict) {
	const rulePath, ruleHost = "must be a path below the script's folder", "must be HOST or HOST:PORT"
	for _, one := range []struct{ name, script, load, cluster string }{
		{"least", "{configMap: {name: chat}}", "", ""},
		{"without files", "{}", "spec.script.configMap.name: Required value", "spec.script.configMap: Required value"},
		{"of no name", "{configMap: {name: ''}}", "spec.script.configMap.name: Required value: must not be empty", "spec.script.configMap.name: Invalid value"},
		{"of a bad name", "{configMap: {name: Chat}}", "must be the name of a ConfigMap", "spec.script.configMap.name: Invalid value: \"Chat\": must be the name of a ConfigMap"},
		{"path twice", "{configMap: {name: chat, items: [{key: a, path: x}, {key: b, path: x}]}}", "spec.script.configMap.items[1].path: Duplicate value", "spec.script.configMap.items[1]: Duplicate value"},
		{"key with a slash", "{configMap: {name: chat, items: [{key: a/b, path: x}]}}", "must be a key of a ConfigMap", "spec.script.configMap.items[0].key: Invalid value: \"a/b\": must be a key of a ConfigMap"},
		{"path from the top", "{configMap: {name: chat, items: [{key: a, path: /x}]}}", rulePath, "spec.script.configMap.items[0].path: Invalid value: \"/x\": " + rulePath},
		{"path that leaves", "{configMap: {name: chat, items: [{key: a, path: x/../../y}]}}", rulePath, rulePath},
		{"path of kubelet's", "{configMap: {name: chat, items: [{key: a, path: ..data}]}}", rulePath, rulePath},
		{"path of Windows", `{configMap: {name: chat, items: [{key: a, path: 'x\y'}]}}`, rulePath, rulePath},
		{"no path", "{configMap: {name: chat, items: [{key: a}]}}", "spec.script.configMap.items[0].path: Required value", "spec.script.configMap.items[0].path: Required value"},
		{"host with a scheme", "{configMap: {name: chat}, allowedHosts: ['http://x']}", ruleHost, "spec.script.allowedHosts[0]: Invalid value: \"http://x\": " + ruleHost},
		{"host without a name", "{configMap: {name: chat}, allowedHosts: [':80']}", ruleHost, ruleHost},
		{"hosts of every kind", "{configMap: {name: chat}, allowedHosts: ['*.example.com:443', localhost, '::1', '[::1]:80', 10.0.0.0/8, 'a_b.c:65535']}", "", ""},
		{"host with a bad port", "{configMap: {name: chat}, allowedHosts: ['x:65536']}", ruleHost, ruleHost},
		{"host with a bad address", "{configMap: {name: chat}, allowedHosts: ['[::x]:80']}", ruleHost, ruleHost},
		{"host twice", "{configMap: {name: chat}, allowedHosts: [x, x]}", "spec.script.allowedHosts[1]: Duplicate value", "spec.script.allowedHosts[1]: Duplicate value"},
		{"memory of next to nothing", "{configMap: {name: chat}, limits: {memory: 1}}", "must be of 1Mi to 256Mi", "spec.script.limits.memory: Invalid value: 1: must be of 1Mi to 256Mi"},
		{"memory without end", "{configMap: {name: chat}, limits: {memory: 2Gi}}", "must be of 1Mi to 256Mi", "must be of 1Mi to 256Mi"},
		{"memory of a word", "{configMap: {name: chat}, limits: {memory: 64MB}}", `spec.script.limits.memory: "64MB": must be a quantity`, `spec.script.limits.memory: Invalid value: "64MB": must be a quantity`},
		{"no time", "{configMap: {name: chat}, limits: {callTimeout: 0s}}", "must be a time of 10ms to 1m", "spec.script.limits.callTimeout: Invalid value: \"0s\": must be a time of 10ms to 1m"},
		{"time without end", "{configMap: {name: chat}, limits: {callTimeout: 1h}}", "must be a time of 10ms to 1m", "must be a time of 10ms to 1m"},
		{"unknown reload", "{configMap: {name: chat}, reload: Never}", "spec.script.reload: Unsupported value", "spec.script.reload: Unsupported value"},
		{"many hosts", "{configMap: {name: chat}, allowedHosts: [" + strings.Repeat("x,", 64) + "x]}", "spec.script.allowedHosts: Too many", "spec.script.allowedHosts: Too many"},
	} {
		all = append(all, verdict{"script: " + one.name, "metadata: {name: a}\nspec: {application: a, script: " + one.script + "}", one.load, one.cluster})
	}
	return all
}
