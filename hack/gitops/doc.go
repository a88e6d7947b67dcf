// Command gitops prints what config/argocd/argocd-cm.yaml is: the Lua scripts
// beside it, as Argo CD's ConfigMap wants them. hack/tools/generate.sh keeps
// the file.
//
// Its tests ask the programs that look at an AppInstance from outside what they
// make of it, in every state it can be in: kstatus, which Flux and Helm wait by, and
// Argo CD's Lua, in the interpreter and with no more libraries than Argo CD
// has. The states are documents in config/argocd, laid out as Argo CD lays out
// its own, and, with the build tag envtest, those that the operator writes on a
// real API server.
//
// It is a module of its own, so that neither program's go.sum knows of Lua and
// kstatus. The program talks to no cluster.
package main
