// Package value turns JSON into the values that a plugin takes, and the values that it answers into JSON, by one set of
// rules for every API that does so. Package contract says what a value is.
//
// Nothing is changed silently: a whole number of more than 64 bits, a member that is there twice and text that is not
// UTF-8 are errors, which name the place as a JSONPath (RFC 9535). Only a number that is written with a fraction or an
// exponent becomes the float64 that is nearest to it, as everywhere in JSON, or is an error beyond all of them.
package value

// maxDepth is how many arrays and objects may lie within each other. What walks a value calls itself for each of them,
// on both sides of the wire; nothing that people write comes near.
const maxDepth = 1000

// maxValues is how many values JSON may hold, those within arrays and objects included. An empty object takes 2 bytes
// of JSON and hundreds in memory, here and in the plugin, so that the size of a body bounds nothing.
const maxValues = 1 << 18
