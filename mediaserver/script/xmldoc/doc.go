// Package xmldoc gives a runtime the classes XML and XMLNode of server-side
// ActionScript: a document as Flash reads one, tolerantly and with a status, a tree
// of nodes, and its text. They are written in the script's own language, so that
// trees are in the script's memory, are collected with it, and reading a document
// takes the script's time. A runtime that never names them never has them.
//
// Documents are read without a schema: what a document type declares is kept as text
// and is never expanded, and only the five entities of XML, &nbsp;, and numbers stand
// for characters. A document that is not well formed is read as far as it goes, and
// status says why it ends there:
//
//	 0  well formed          -6  an element is malformed
//	-2  CDATA without end    -8  an attribute's value without end
//	-3  declaration          -9  a start tag without an end tag
//	-4  DOCTYPE             -10  an end tag without a start tag
//	-5  comment
//
// Nodes are elements (nodeType 1) and text (3). A document is a node as well, an
// element without a name. Comments and processing instructions are left out, and
// CDATA is text. What a document is loaded from is not known here: see
// [Classes.OnDefine].
package xmldoc
