// Package sam holds the tests of deploy/sam: the template is read by cfn-lint, and by a small CloudFormation of our own
// that resolves it for a choice of parameters; what sam build would build is built, and answers the events of the
// template's doors.
package sam
