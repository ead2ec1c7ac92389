/** One fault: `find` stands exactly once in the file and is replaced. */
export interface PlantedFault {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}
