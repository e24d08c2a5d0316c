/** Describes the three MPI binary interfaces (ABIs) in use: the libraries of each, and the form of its handles. */

/** The handles this project passes to MPI. */
export interface Handles {
  readonly world: number | string;
  readonly float: number | string;
  readonly double: number | string;
  readonly byte: number | string;
  readonly sum: number | string;
  readonly errorsReturn: number | string;
}

export interface Abi {
  readonly name: "mpich" | "openmpi" | "standard";
  readonly title: string;
  /** Library files to look for, with the names that the dynamic linker uses: Linux, then macOS. */
  readonly files: readonly string[];
  /** The C type of a handle. */
  readonly handleType: "int" | "void *" | "intptr_t";
  /** Handles as numbers, or as the names of global symbols whose address is the handle. */
  readonly handles: Handles;
  /** The address that means "in place". */
  readonly inPlace: number;
}

/**
 * Constants from mpi.h of MPICH 4.0, whose interface Intel MPI and Cray MPICH share (libmpi.so.12); mpi.h of Open MPI
 * 4.1; the handle constants of the MPI 5.0 standard, chapter 20. The first two were tested; the third follows the text
 * of the standard only.
 */
export const abis: readonly Abi[] = [
  {
    name: "mpich",
    title: "MPICH",
    files: ["libmpich.so.12", "libmpi.so.12", "libmpi.12.dylib"],
    handleType: "int",
    handles: {
      world: 0x44000000,
      float: 0x4c00040a,
      double: 0x4c00080b,
      byte: 0x4c00010d,
      sum: 0x58000003,
      errorsReturn: 0x54000001,
    },
    inPlace: -1,
  },
  {
    name: "openmpi",
    title: "Open MPI",
    files: ["libmpi.so.40", "libmpi.40.dylib"],
    handleType: "void *",
    handles: {
      world: "ompi_mpi_comm_world",
      float: "ompi_mpi_float",
      double: "ompi_mpi_double",
      byte: "ompi_mpi_byte",
      sum: "ompi_mpi_op_sum",
      errorsReturn: "ompi_mpi_errors_return",
    },
    inPlace: 1,
  },
  {
    name: "standard",
    title: "MPI-5 ABI",
    files: ["libmpi_abi.so.0", "libmpi_abi.0.dylib"],
    handleType: "intptr_t",
    handles: { world: 0x101, float: 0x210, double: 0x214, byte: 0x247, sum: 0x21, errorsReturn: 0x143 },
    inPlace: 1,
  },
];

/** The interface of a library that the user named, from its symbols and its file name. */
export function abiOf(file: string, hasSymbol: (name: string) => boolean): Abi {
  const name = hasSymbol("ompi_mpi_comm_world") ? "openmpi" : /mpi_abi/.test(file) ? "standard" : "mpich";
  return abis.find((abi) => abi.name === name)!;
}
