// Package policy tests the ValidatingAdmissionPolicies that lie beside it, on a
// real API server with real users: what people may ask for in an AppInstance
// (appinstances.yaml), and what the operator may write (operator.yaml). The
// policies themselves are YAML: nothing here runs in a cluster.
package policy
