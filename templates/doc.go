// Package templates holds what the payload is made of: one folder a component,
// and the Dockerfiles of both stages. It is pure: it turns values into text.
package templates
