// Package waking is what a gateway and the operator say to one another when a client has
// called for an AppInstance that sleeps: a [Request], asked again while clients wait, and
// an [Answer], in JSON by HTTP.
//
// Both prove that they know the key that the gateway shows the instance's origin, which is
// of that one AppInstance: whoever has it may link to the instance, and so wake it, and may
// wake no other. The key does not travel. What is asked is good for [Fresh]; who hears it
// and says it again within that has woken what somebody has called for a moment before.
// An answer is for one request alone.
//
// The package opens no connection and knows no manifest.
package waking
