/**
 * Leaves rare kinds of diagrams out of the build: with all of them the diagrams alone would take most of dist's budget.
 * A diagram of such a kind stays as its source.
 */
import type { Plugin } from "vite";

const LEFT_OUT = /[\\/]mermaid[\\/]dist[\\/]chunks[\\/]mermaid\.core[\\/](?:abnfDiagram|architectureDiagram|blockDiagram|c4Diagram|cose-bilkent|cynefinDiagram|diagram|ebnfDiagram|ishikawaDiagram|kanban-definition|mindmap-definition|pegDiagram|railroadDiagram|sankeyDiagram|swimlanes|swimlanesDiagram|vennDiagram|wardleyDiagram)-[A-Z0-9]+\.mjs$/;

export function fewerDiagrams(): Plugin {
  return {
    name: "hostler-fewer-diagrams",
    apply: "build",
    enforce: "pre",
    load: (id) => (LEFT_OUT.test(id) ? 'throw new Error("This kind of diagram is not part of the workbench.");' : null),
  };
}
