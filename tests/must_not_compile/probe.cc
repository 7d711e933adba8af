// SPDX-License-Identifier: Apache-2.0
//
// Nothing. Its target is asked for its include folders.
