// Package controllers turns AppInstances into Kubernetes objects: a
// StatefulSet of one media server with a volume that outlives it, the Services
// (that of WebRTC is of UDP alone) and the Ingress or HTTPRoute that clients reach it
// by, and what the pod mounts; and, with spec.edges, a Deployment of edges, to which the
// Service leads while one of them is ready.
//
// A reconcile is three steps. gather reads everything; decide, a pure function,
// says what should be there, and statusOf, another, what the status is;
// carryOut makes it so, by server-side apply of fresh objects, and writes nothing
// when nothing differs. Each kind of child has a builder in a file of its own.
//
// The operator lives beside others. ownership.go says what is ours: nothing else
// is touched, and the first write of a child is one that only creates.
// upgrade.go says which changes of a pod template are the operator's own doing:
// those restart a few instances at a time, and rollout.go hands out the places.
// references.go says which Secrets of the user's a server may be handed, and script.go
// is about the ConfigMap with its script. A cluster need not have routes of the
// Gateway API: routes.go says which kinds it has, and watches those.
//
// leaving.go keeps pods that the Service does not lead to any more among its endpoints until
// their clients have gone.
//
// How many edges there are is counted by pure functions (edges_scale.go): what an
// audience needs now, and what that comes to over time.
//
// sleep.go has servers go while nobody is there, and package waker is asked to have them
// come back.
//
// gateway.go is about the cluster's Flashpod gateway, and package gateway about what it and
// the operator must say alike; routes.go, routeview.go, httproute.go and serviceroutes.go are
// about the Gateway API of others.
//
// The package keeps no state but which instances wait for a place, what their servers have
// said within the last minutes, and since when nobody was there, which their status has too;
// an operator that is new takes no edge away before it has looked for long enough. It
// asks media servers nothing but how much they have to do, and what their scripts have
// failed at.
package controllers
