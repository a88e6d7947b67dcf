package manifest

import "strings"

// edgesCases are about edges, and how many there are.
func edgesCases() []verdict {
	edges := func(text string) string { return "metadata: {name: a}\nspec: {application: a, edges: {" + text + "}}" }
	scaling := func(text string) string { return edges("autoscaling: {" + text + "}") }
	event := func(text string) string { return scaling("schedule: [{" + text + "}]") }
	const quantity = "must be a quantity of 0 or more"
	return []verdict{
		{"edges", edges("replicas: 3, resources: {requests: {cpu: 2, memory: 1Gi}, limits: {memory: 2Gi}}"), "", ""},
		{"edges, none", edges(""), "", ""},
		{"edges that the operator counts", scaling("minReplicas: 0, maxReplicas: 40, connectionsPerEdge: 8000, megabitsPerEdge: 8000, headroomPercent: 50, maxRoundTime: 50ms, scaleUpWindow: 15s, scaleDownWindow: 10m, cooldown: 2m, schedule: [{from: '2026-12-31T20:00:00Z', until: '2027-01-01T02:00:00+01:00', minReplicas: 20}, {from: '2026-12-01T19:50:00Z', until: '2026-12-01T22:00:00Z', repeat: Weekly, minReplicas: 4}]"), "", ""},
		{"a drain", "metadata: {name: a}\nspec: {application: a, drain: {timeout: 1h30m}, edges: {}}", "", ""},
		{"no drain", "metadata: {name: a}\nspec: {application: a, drain: {timeout: 0s}}", "", ""},
		{"a drain of days", "metadata: {name: a}\nspec: {application: a, drain: {timeout: 25h}}", "spec.drain.timeout: Invalid value: \"25h0m0s\": must be a time of 0 to 24h", "spec.drain.timeout: Invalid value: \"25h\": must be a time of 0 to 24h"},
		{"a drain into the past", "metadata: {name: a}\nspec: {application: a, drain: {timeout: -1m}}", "spec.drain.timeout: Invalid value: \"-1m0s\": must be a time of 0 to 24h", "spec.drain.timeout: Invalid value: \"-1m\": must be a time of 0 to 24h"},
		{"fewer edges than none", edges("replicas: -1"), "spec.edges.replicas: Invalid value: -1: must be 0 or more", "spec.edges.replicas: Invalid value"},
		{"too many edges", edges("replicas: 1001"), "spec.edges.replicas: Invalid value: 1001", "spec.edges.replicas: Invalid value"},
		{"edges beside WebRTC", "metadata: {name: a}\nspec: {application: a, web: {webrtc: {}}, edges: {}}", "", ""},
		{"edges with claims", edges("resources: {claims: [{name: card}]}"), "spec.edges.resources.claims: Forbidden: must not be set", "spec.edges.resources.claims: Invalid value: must not be set"},
		{"edges with more cpu than they may have", edges("resources: {requests: {cpu: 2}, limits: {cpu: 1}}"), "spec.edges.resources.requests[cpu]: Invalid value", "spec.edges.resources.requests[cpu]: Invalid value: must not be more than limits.cpu"},
		{"edges with more memory than they may have", edges("resources: {requests: {memory: 2Gi}, limits: {memory: 1Gi}}"), "spec.edges.resources.requests[memory]: Invalid value", "spec.edges.resources.requests[memory]: Invalid value: must not be more than limits.memory"},
		{"edges with a negative request", edges("resources: {requests: {cpu: -1}}"), "spec.edges.resources.requests[cpu]: Invalid value: \"-1\": " + quantity, quantity},
		{"edges with a negative limit", edges("resources: {limits: {cpu: -1}}"), "spec.edges.resources.limits[cpu]: Invalid value: \"-1\": " + quantity, quantity},
		{"edges with an unknown request", edges("resources: {requests: {beauty: 1}}"), "keys must be cpu, memory", "keys must be cpu, memory"},
		{"edges with an unknown limit", edges("resources: {limits: {beauty: 1}}"), "keys must be cpu, memory", "keys must be cpu, memory"},
		{"edges with a cache", edges("cache: {size: 20Gi}"), "", ""},
		{"edges with the cache that they have anyway", edges("cache: {}"), "", ""},
		{"edges without a cache", edges("cache: {size: 0}"), "", ""},
		{"edges with a cache of nothing much", edges("cache: {size: 1Mi}"), "spec.edges.cache.size: Invalid value: \"1Mi\": must be 0, for none on a disk, or of 64Mi to 64Ti", "must be 0, for none on a disk, or of 64Mi to 64Ti"},
		{"edges with a cache for everything", edges("cache: {size: 65Ti}"), "spec.edges.cache.size: Invalid value: \"65Ti\": must be 0, for none on a disk, or of 64Mi to 64Ti", "must be 0, for none on a disk, or of 64Mi to 64Ti"},
		{"edges with a cache below nothing", edges("cache: {size: -1}"), "spec.edges.cache.size: Invalid value: \"-1\"", "must be 0, for none on a disk, or of 64Mi to 64Ti"},
		{"edges with a cache of a word", edges("cache: {size: 20GB}"), `spec.edges.cache.size: "20GB": must be a quantity`, `spec.edges.cache.size: Invalid value: "20GB": must be a quantity`},
		{"least above most", scaling("minReplicas: 30"), "spec.edges.autoscaling.minReplicas: Invalid value: 30: must not be more than maxReplicas", "must not be more than maxReplicas"},
		{"most of none", scaling("minReplicas: 0, maxReplicas: -1"), "spec.edges.autoscaling.maxReplicas: Invalid value", "spec.edges.autoscaling.maxReplicas: Invalid value"},
		{"no connections", scaling("connectionsPerEdge: -5"), "spec.edges.autoscaling.connectionsPerEdge: Invalid value", "spec.edges.autoscaling.connectionsPerEdge: Invalid value"},
		{"less than no megabits", scaling("megabitsPerEdge: -5"), "spec.edges.autoscaling.megabitsPerEdge: Invalid value", "spec.edges.autoscaling.megabitsPerEdge: Invalid value"},
		{"headroom below none", scaling("headroomPercent: -5"), "spec.edges.autoscaling.headroomPercent: Invalid value", "spec.edges.autoscaling.headroomPercent: Invalid value"},
		{"no headroom", scaling("headroomPercent: 0"), "", ""},
		{"rounds of no time", scaling("maxRoundTime: 0s"), "spec.edges.autoscaling.maxRoundTime: Invalid value: \"0s\": must be a time of more than 0", "must be a time of more than 0"},
		{"a long way up", scaling("scaleUpWindow: 25h"), "spec.edges.autoscaling.scaleUpWindow: Invalid value: \"25h0m0s\": must be a time of 0 to 24h", "must be a time of 0 to 24h in hours, minutes and seconds, such as 30s or 0s"},
		{"a long way down", scaling("scaleDownWindow: 25h"), "spec.edges.autoscaling.scaleDownWindow: Invalid value: \"25h0m0s\": must be a time of 0 to 24h", "must be a time of 0 to 24h in hours, minutes and seconds, such as 5m or 1h30m"},
		{"a long time to cool down", scaling("cooldown: 25h"), "spec.edges.autoscaling.cooldown: Invalid value: \"25h0m0s\": must be a time of 0 to 24h", "must be a time of 0 to 24h in hours, minutes and seconds, such as 1m"},
		{"an event that asks for too many", event("from: '2026-12-31T20:00:00Z', until: '2026-12-31T21:00:00Z', minReplicas: 21"), "spec.edges.autoscaling.schedule: Invalid value: 21: must not ask for more edges than maxReplicas", "must not ask for more edges than maxReplicas"},
		{"an event that asks for none", event("from: '2026-12-31T20:00:00Z', until: '2026-12-31T21:00:00Z', minReplicas: 0"), "schedule[0].minReplicas: Invalid value", "schedule[0].minReplicas: Invalid value"},
		{"an event without an end", event("from: '2026-12-31T20:00:00Z', minReplicas: 2"), "schedule[0].until: Required value", "schedule[0].until: Required value"},
		{"an event that ends before", event("from: '2026-12-31T20:00:00Z', until: '2026-12-31T20:30:00+01:00', minReplicas: 2"), "schedule[0].until: Invalid value: \"2026-12-31T19:30:00Z\": must be after from", "must be after from"},
		{"an event of more than a day, daily", event("from: '2026-12-30T20:00:00Z', until: '2026-12-31T20:30:00Z', repeat: Daily, minReplicas: 2"), "must be at most a day after from", "must be at most a day after from"},
		{"an event of more than a week, weekly", event("from: '2026-12-20T20:00:00Z', until: '2026-12-31T20:30:00Z', repeat: Weekly, minReplicas: 2"), "must be at most a week after from", "must be at most a week after from"},
		{"an event now and then", event("from: '2026-12-30T20:00:00Z', until: '2026-12-31T20:30:00Z', repeat: Sometimes, minReplicas: 2"), "schedule[0].repeat: Unsupported value", "schedule[0].repeat: Unsupported value"},
		{"edges that reach others", edges("mayReach: [{name: bar}, {name: lobby, hosts: [media.example.com, 'media.example.com:1936', '[2001:db8::1]']}], allowFrom: [{name: bar}]"), "", ""},
		{"edges that reach nobody", edges("mayReach: [{hosts: [a]}]"), "spec.edges.mayReach[0].name: Required value", "spec.edges.mayReach[0].name: Required value"},
		{"edges that reach no name", edges("mayReach: [{name: a.b}]"), "spec.edges.mayReach[0].name: Invalid value: \"a.b\": must be the name of an AppInstance", "must be the name of an AppInstance"},
		{"edges that reach a URL", edges("mayReach: [{name: b, hosts: ['rtmp://b']}]"), "spec.edges.mayReach[0].hosts[0]: Invalid value: \"rtmp://b\": must be HOST or HOST:PORT", "must be HOST or HOST:PORT"},
		{"edges that reach one twice", edges("mayReach: [{name: b}, {name: b}]"), "spec.edges.mayReach[1]: Duplicate value", "spec.edges.mayReach[1]: Duplicate value"},
		{"edges with a host of two", edges("mayReach: [{name: b, hosts: [h]}, {name: c, hosts: [H]}]"), "spec.edges.mayReach[1].hosts[0]: Invalid value: \"H\": leads to one AppInstance alone", "has a host of two AppInstances"},
		{"edges of everybody", edges("allowFrom: [{name: '*'}]"), "spec.edges.allowFrom[0].name: Invalid value: \"*\": must be the name of an AppInstance", "must be the name of an AppInstance"},
		{"edges let in twice", edges("allowFrom: [{name: b}, {name: b}]"), "spec.edges.allowFrom[1]: Duplicate value", "spec.edges.allowFrom[1]: Duplicate value"},
		{"too many events", scaling("schedule: [" + strings.Repeat("{from: '2026-12-31T20:00:00Z', until: '2026-12-31T21:00:00Z', minReplicas: 2}, ", 65) + "]"), "spec.edges.autoscaling.schedule: Too many", "spec.edges.autoscaling.schedule: Too many"},
	}
}
