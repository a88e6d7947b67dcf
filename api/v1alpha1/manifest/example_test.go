package manifest_test

import (
	"fmt"
	"log"
	"strings"

	"flashpod.dev/flashpod/api/v1alpha1/manifest"
)

// A document is read as an API server would take it: with defaults, or refused
// with the field's path and the reason.
func ExampleLoad() {
	const lobby = `
apiVersion: media.flashpod.dev/v1alpha1
kind: AppInstance
metadata: {name: lobby}
spec: {application: chatRoom}
`
	docs, err := manifest.Load(strings.NewReader(lobby), "lobby.yaml")
	if err != nil {
		log.Fatal(err)
	}
	spec := docs[0].Spec
	fmt.Println(spec.Application, spec.Instance, spec.Recording.Mode, spec.Access.Publish.Mode)

	_, err = manifest.Load(strings.NewReader(strings.Replace(lobby, "chatRoom", "''", 1)), "lobby.yaml")
	fmt.Println(err)

	// Output:
	// chatRoom lobby OnRequest Key
	// lobby.yaml: spec.application: Required value: must not be empty
}
